package config

import "strings"

// List returns the parts of a setting that are separated by commas, without empty ones.
func List(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
