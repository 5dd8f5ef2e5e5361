package scalar

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalInt writes an integer.
func MarshalInt(n int64) graphql.Marshaler { return graphql.MarshalInt64(n) }

// UnmarshalInt reads an Int of the GraphQL specification: a whole number of 32 bits, and no value of another kind.
func UnmarshalInt(v any) (int64, error) {
	var n int64
	var err error
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int64:
		n = v
	case json.Number:
		n, err = strconv.ParseInt(string(v), 10, 64)
	default:
		err = strconv.ErrSyntax
	}
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, fmt.Errorf("an Int must be a whole number from %d to %d", math.MinInt32, math.MaxInt32)
	}
	return n, nil
}
