package web

import (
	"maps"
	"slices"
)

// Paths returns all paths with a file.
func Paths() []string {
	return slices.Sorted(maps.Keys(Handler(Config{Admin: true}).(pages).files))
}
