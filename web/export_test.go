package web

import (
	"maps"
	"slices"
)

// Paths is every path with a file behind it.
func Paths() []string {
	return slices.Sorted(maps.Keys(Handler(Config{}).(pages).files))
}
