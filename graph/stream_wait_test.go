package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"chattok/bus"
	"chattok/internal/await"
	"chattok/session"
)

// slow is a Store that delays the look-up of one connection until the test releases it.
type slow struct {
	session.Store
	to    atomic.Value // string: the id of the connection
	asked atomic.Int64
	may   chan struct{}
}

func (s *slow) Connections(ctx context.Context, ids []string) (map[string]session.ConnectionState, error) {
	if slices.Contains(ids, s.to.Load().(string)) {
		s.asked.Add(1)
		<-s.may
	}
	return s.Store.Connections(ctx, ids)
}

// While the store looks up the sender of an entry from another node, subscriptions that select the sender wait, in
// every framing, and all others go on.
func TestUnknownSenderHoldsUpNobodyElse(t *testing.T) {
	const groups = 8 // more than there are workers on most machines; each group asks
	var store session.Store
	waits := &slow{may: make(chan struct{})}
	waits.to.Store("")
	between := bus.New()
	a := newWorld(t, options{grace: time.Minute, bus: between, store: func(s session.Store) session.Store { store = s; return s }})
	b := newWorld(t, options{grace: time.Minute, bus: between, store: func(session.Store) session.Store { waits.Store = store; return waits }})
	t.Cleanup(b.stop) // before a, which owns the store
	author, me := a.join(t, "room", "PUBLISHER"), b.join(t, "room", "PUBLISHER")
	waits.to.Store(author.id)

	address := serve(t, b.handler, 0)
	var curious []follower
	for i := range groups {
		for _, f := range framings {
			curious = append(curious, mustFollow(t, address, f, me.token, fmt.Sprintf(`subscription{entryAdded{s%d:seq connection{id}}}`, i), nil))
		}
	}
	plain := mustFollow(t, address, webSocket, me.token, `subscription{entryAdded{seq}}`, nil)
	await.True(t, "all follow", func() bool { _, n := b.sockets(); return n == len(curious)+1 })
	a.add(t, author.token, author.id, "who am I?")
	await.True(t, "every group asks", func() bool { return waits.asked.Load() == groups })
	b.add(t, me.token, me.id, "a known one")
	if err := expectSeqs(plain, 1, 2); err != nil {
		t.Error(err)
	}
	close(waits.may)
	for i, f := range curious {
		for seq, id := range []string{author.id, me.id} {
			same(t, json.RawMessage(mustRespond(t, f)), fmt.Sprintf(`{"data":{"entryAdded":{"s%d":%d,"connection":{"id":%q}}}}`, i/len(framings), seq+1, id))
		}
	}
}
