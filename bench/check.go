//go:build linux

package main

import (
	"fmt"
	"slices"
)

// sequence checks that a subscriber sees 1, 2, 3 … each once and in order. The zero value expects 1.
type sequence struct{ last int64 }

// next checks the number that arrived. A gap, a double and a step back are errors.
func (s *sequence) next(n int64) error {
	switch {
	case n == s.last+1:
		s.last = n
		return nil
	case n <= s.last:
		return fmt.Errorf("entry %d came again or late, after %d", n, s.last)
	default:
		return fmt.Errorf("entries %d to %d are missing", s.last+1, n-1)
	}
}

// checkNumbers returns an error unless the numbers answered to all posters together are 1 to n, each once.
func checkNumbers(answered []int64) error {
	slices.Sort(answered)
	var s sequence
	for _, n := range answered {
		if err := s.next(n); err != nil {
			return fmt.Errorf("numbers of %d answered adds: %w", len(answered), err)
		}
	}
	return nil
}
