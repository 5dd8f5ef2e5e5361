package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConnectionCache: that a connection lives is believed for maxAge, its end and its other properties for ever. Connections in
// use are returned by takeUsed, and are kept when others are forgotten.
func TestConnectionCache(t *testing.T) {
	now := time.Now()
	c := newConnectionCache(8, cachedConnectionBytes, time.Minute, func() time.Time { return now })
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

// held returns the bytes of both generations, counted one by one, and fails where the sum that the cache keeps is another.
func (c *connectionCache) held(t *testing.T) (bytes int) {
	t.Helper()
	young := 0
	for id, k := range c.young {
		young += k.size(id)
	}
	if young != c.bytes {
		t.Fatalf("the cache counts %d bytes of %d", c.bytes, young)
	}
	for id, k := range c.old {
		bytes += k.size(id)
	}
	return bytes + young
}

// TestConnectionCacheBytes: connections with much data stay below the limit in bytes, and those in use are kept. A connection whose
// data changes, or that is forgotten, erased or put again, is counted by the size that it has then.
func TestConnectionCacheBytes(t *testing.T) {
	c := newConnectionCache(cachedConnections, cachedConnectionBytes, time.Minute, time.Now)
	with := func(id string, revision int64, bytes int) *Connection {
		data := strings.Repeat("d", bytes)
		return &Connection{ID: id, SessionID: "s" + id[:1], DataRevision: revision, Data: &data}
	}
	c.put("used", ConnectionState{Connection: with("used", 0, MaxDataBytes)})
	const many = 20_000
	most := 0
	for i := range many {
		id := fmt.Sprint(i)
		c.put(id, ConnectionState{Connection: with(id, 0, MaxDataBytes)})
		if _, ok := c.get("used"); !ok {
			t.Fatalf("the one in use is forgotten after %d others", i+1)
		}
		if i%1000 == 0 || i == many-1 {
			most = max(most, c.held(t))
		}
	}
	if most > cachedConnectionBytes || most < cachedConnectionBytes/2 {
		t.Errorf("%d bytes are kept, of %d", most, cachedConnectionBytes)
	}
	for i := many - cachedConnectionBytes/2/(MaxDataBytes+2*cachedConnectionOverhead); i < many; i++ {
		if _, ok := c.get(fmt.Sprint(i)); !ok {
			t.Errorf("connection %d of %d, used lately, is forgotten", i, many)
		}
	}
	if _, ok := c.get("0"); ok {
		t.Error("the first one is still known")
	}

	c.clear()
	if held := c.held(t); held != 0 {
		t.Errorf("%d bytes after clear", held)
	}
	c.put("a", ConnectionState{Connection: with("a", 0, 0)})
	small := c.held(t)
	for revision, bytes := range []int{1: 4000, 2: 10, 3: 0} {
		c.update(with("a", int64(revision), bytes))
		if held := c.held(t); held != small+bytes {
			t.Errorf("with %d bytes of data: %d, and %d without", bytes, held, small)
		}
	}
	c.put("a", ConnectionState{Connection: with("a", 9, 100)})
	c.end("a")
	if held := c.held(t); held != small+100 {
		t.Errorf("after its end: %d", held)
	}
	c.put("b", ConnectionState{Connection: with("b", 0, 4000)})
	c.forget("sb")
	if held := c.held(t); held != small+100 {
		t.Errorf("after one was forgotten: %d", held)
	}
	c.erase(nil)
	c.held(t)
}
