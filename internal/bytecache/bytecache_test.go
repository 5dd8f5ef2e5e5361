package bytecache_test

import (
	"fmt"
	"testing"

	"chattok/internal/bytecache"
)

// The entry that was used least recently is dropped first; a second Add of a key changes nothing.
func TestOrder(t *testing.T) {
	c := bytecache.New[int](80)
	for i, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		c.Add(key, i, 10)
	}
	c.Get("a")
	c.Add("b", 100, 10) // there already
	c.Add("i", 8, 10)
	for key, want := range map[string]int{"a": 0, "i": 8, "c": 2} {
		if got, ok := c.Get(key); !ok || got != want {
			t.Errorf("%s is %d, %v", key, got, ok)
		}
	}
	if _, ok := c.Get("b"); ok {
		t.Error("b, which was used least, is there")
	}
}

// The sum of the bytes stays within the limit, and the oldest entries go.
func TestBound(t *testing.T) {
	const n, limit, bytes = 10_000, 8 << 20, 100_000
	c := bytecache.New[string](limit)
	for i := range n {
		c.Add(fmt.Sprint(i), "", bytes)
	}
	fits := limit / bytes
	if c.Len() != fits || c.Bytes() != int64(fits*bytes) {
		t.Errorf("%d entries of %d bytes, want %d entries", c.Len(), c.Bytes(), fits)
	}
	for i, kept := range map[int]bool{0: false, n - fits - 1: false, n - fits: true, n - 1: true} {
		if _, ok := c.Get(fmt.Sprint(i)); ok != kept {
			t.Errorf("entry %d kept: %t", i, ok)
		}
	}
}

// A value above an eighth of the limit is not kept.
func TestLargeValue(t *testing.T) {
	for bytes, kept := range map[int64]bool{10: true, 11: false} {
		c := bytecache.New[string](80)
		c.Add("a", "", bytes)
		if _, ok := c.Get("a"); ok != kept {
			t.Errorf("value of %d bytes kept: %t", bytes, ok)
		}
	}
}
