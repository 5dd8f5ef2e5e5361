package server

import "testing"

// TestMostRequests: memory bounds the requests where the operator says nothing, and leaves three quarters of them for others.
func TestMostRequests(t *testing.T) {
	for _, c := range []struct{ asked, ofAddress, roomFor, all, each int }{
		{0, 500, 1 << 20, 10_000, 500},
		{0, 500, 2730, 2730, 500},
		{0, 500, 1000, 1000, 250},
		{0, 500, 10, leastRequests, leastRequests / 4},
		{600, 500, 10, 600, 500},
	} {
		if all, each := mostRequests(c.asked, c.ofAddress, c.roomFor); all != c.all || each != c.each {
			t.Errorf("%+v: %d and %d", c, all, each)
		}
	}
}

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
