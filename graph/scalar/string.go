package scalar

import (
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalString writes a string.
func MarshalString(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalString reads a String of the GraphQL specification, and no value of another kind.
func UnmarshalString(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("a String must be a string")
	}
	return s, nil
}
