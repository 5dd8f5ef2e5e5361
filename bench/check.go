//go:build linux

package main

import (
	"fmt"
	"slices"
)

// sequence is what one subscriber must see: 1, 2, 3 … each once and in order. Its zero value waits for 1.
type sequence struct{ last int64 }

// next takes the number that came. A gap, a double and a step back are errors.
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

// checkNumbers says whether the numbers that were answered, over all posters, are 1 to n, each once.
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
