package server

import "testing"

// TestMostConnections: files bound the connections always, memory where the operator says nothing.
func TestMostConnections(t *testing.T) {
	const much = 1 << 20
	for _, c := range []struct{ files, asked, roomFor, want int }{
		{files: 64, roomFor: much, want: 16},
		{files: 1024, roomFor: much, want: 896},
		{files: 1 << 16, roomFor: much, want: 61_440},
		{files: 1 << 16, roomFor: 10_922, want: 10_922},
		{files: 1 << 16, roomFor: 100, want: leastConnections},
		{files: 512, roomFor: 100, want: 448},
		{files: 1 << 16, asked: 20_000, roomFor: 10_922, want: 20_000},
		{files: 1 << 16, asked: 100_000, roomFor: 10_922, want: 61_440},
		{files: 1 << 16, asked: 10, roomFor: 10_922, want: 10},
	} {
		if got := mostConnections(c.files, c.asked, c.roomFor); got != c.want {
			t.Errorf("%d files, %d asked for, room for %d: %d, want %d", c.files, c.asked, c.roomFor, got, c.want)
		}
	}
}
