package session

import (
	"slices"
	"testing"
	"time"
)

// TestConnectionCache: that a connection lives is believed for maxAge, its end and its other properties for ever. Connections in
// use are returned by takeUsed, and are kept when others are forgotten.
func TestConnectionCache(t *testing.T) {
	now := time.Now()
	c := newConnectionCache(8, time.Minute, func() time.Time { return now })
	live := func(id string) ConnectionState { return ConnectionState{Connection: &Connection{ID: id}} }
	c.put("a", live("a"))
	c.put("b", live("b"))
	c.put("guest", ConnectionState{Connection: &Connection{ID: "guest", Guest: true}})
	c.fresh("guest")
	if s, ok := c.fresh("a"); !ok || s.Connection.ID != "a" || s.Destroyed {
		t.Errorf("a is %+v, %v", s, ok)
	}
	if used := c.takeUsed(); !slices.Equal(used, []string{"a"}) {
		t.Errorf("used: %v, want a", used)
	}
	if used := c.takeUsed(); len(used) != 0 {
		t.Errorf("used since: %v", used)
	}
	now = now.Add(time.Minute)
	if _, ok := c.fresh("a"); !ok {
		t.Error("a is not believed for its minute")
	}
	now = now.Add(1)
	if s, ok := c.fresh("a"); ok {
		t.Errorf("a is believed after its minute: %+v", s)
	}
	if s, ok := c.get("a"); !ok || s.Connection.ID != "a" {
		t.Errorf("what a is: %+v, %v", s, ok)
	}
	c.put("b", ConnectionState{Connection: &Connection{ID: "b"}, Destroyed: true})
	c.put("b", live("b")) // read before the end, put after it
	c.end("a")
	c.end("unknown")
	now = now.Add(time.Hour)
	for _, id := range []string{"a", "b"} {
		if s, ok := c.fresh(id); !ok || !s.Destroyed {
			t.Errorf("%s, which has ended, is %+v, %v", id, s, ok)
		}
	}
	if used := c.takeUsed(); len(used) != 0 {
		t.Errorf("asked for again though they have ended: %v", used)
	}
	for i := range 6 { // more than a generation
		c.put(string(rune('p'+i)), live("x"))
		c.get("a")
	}
	if _, ok := c.get("b"); ok {
		t.Error("b is still known")
	}
	if s, ok := c.get("a"); !ok || !s.Destroyed {
		t.Errorf("a, which is in use, is %+v, %v", s, ok)
	}
}
