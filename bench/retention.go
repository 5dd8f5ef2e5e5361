//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// Sizes of the log whose old entries are removed.
const (
	retentionFollowers = 1000
	retentionPosters   = 16
	retentionKept      = 0.9 // of the rate of adds, at least
	retentionSecret    = "the API secret of the bench, 32 bytes"
)

// partRetention measures adds to a log of a million entries that many follow, while nothing is removed and while old entries are.
func partRetention(ctx context.Context, b *bench) (section, error) {
	s, err := b.chattok.start(ctx, b.dir, "CHATTOK_API_SECRET="+retentionSecret)
	if err != nil {
		return section{}, err
	}
	defer s.kill()
	r, err := openUnread(s)
	if err != nil {
		return section{}, err
	}
	defer func() { r.client.close() }()
	begin := time.Now()
	if err := r.fill(b); err != nil {
		return section{}, err
	}
	b.progress("retention: %s entries in %v", grouped(unreadEntries), time.Since(begin).Round(time.Second))
	k := &keptLog{unreader: r}
	if err := k.follow(); err != nil {
		return section{}, err
	}
	defer k.fleet.close()
	var without, with, removed []float64
	for range b.turns {
		rate, gone, err := k.turn(b, 0)
		if err != nil {
			return section{}, err
		}
		if gone != 0 {
			return section{}, fmt.Errorf("%d entries were removed, which are kept", gone)
		}
		without = append(without, rate)
		// Entries of the turns are younger.
		rate, gone, err = k.turn(b, max(1, int(time.Since(k.filled).Seconds())))
		if err != nil {
			return section{}, err
		}
		with, removed = append(with, rate), append(removed, float64(gone)/b.lasts.Seconds())
		b.progress("retention: %s adds/s without, %s with, %s removed/s", figure(without[len(without)-1]), figure(rate), figure(removed[len(removed)-1]))
	}
	share := median(with) / median(without)
	t := table{head: []string{"", "adds/s", "removed/s"}}
	t.add("nothing is removed", spread(without), "0")
	t.add("old entries are removed", spread(with), spread(removed))
	text := fmt.Sprintf("A log of %s entries with %s WebSocket subscribers of `logEvents`, to which %d connections add flat out, bodies of %d bytes, while nothing is "+
		"removed and while entries are, in turn. Every subscriber has every entry once and in order, and none is told that something was "+
		"removed before it had it. Adds keep %.0f %% of their rate (medians of %d turns; the bound is %.0f %%).",
		grouped(unreadEntries), grouped(retentionFollowers), retentionPosters, b.size, 100*share, b.turns, 100*retentionKept)
	if share < retentionKept {
		return section{}, fmt.Errorf("adds keep %.1f %% of their rate while entries are removed: %v adds/s of %v", 100*share, with, without)
	}
	return section{title: "Retention", tables: []table{t}, text: text}, nil
}

// keptLog is a session with a long log and those who follow it.
type keptLog struct {
	*unreader
	fleet     *fleet
	followers []*follower
	filled    time.Time
	end       int64 // the number of the newest entry
	awaited   atomic.Int64
	left      atomic.Pointer[countdown]
}

// follower checks the events of one socket: additions come each once and in order, and nothing is removed before it has it.
type follower struct {
	of   *keptLog
	last int64
}

// follow subscribes the followers to the log, from its end on.
func (k *keptLog) follow() (err error) {
	k.filled, k.end = time.Now(), unreadEntries
	if k.fleet, err = newFleet(runtime.GOMAXPROCS(0)); err != nil {
		return err
	}
	var data struct {
		Session struct{ ID, LastCursor string }
	}
	if err := k.client.graphql(k.me.access, `{session{id lastCursor}}`, nil, &data); err != nil {
		return err
	}
	members, err := connectAll(k.server, retentionFollowers, func(int) string { return data.Session.ID })
	if err != nil {
		return err
	}
	k.followers = make([]*follower, len(members))
	return parallel(k.server.host, len(members), func(i int, _ *client) error {
		conn, err := dialLocal(k.server.host, i, false)
		if err != nil {
			return err
		}
		r, err := upgrade(conn, k.server.host, k.server.speaks.path, k.server.speaks.subprotocol)
		if err != nil {
			return err
		}
		query := `subscription{logEvents(after:\"` + data.Session.LastCursor + `\"){... on EntryAdded{entry{seq body} cursor} ... on LogTruncated{to}}}`
		if err := openGraphQL(conn, r, members[i].access, i, query); err != nil {
			return err
		}
		k.followers[i] = &follower{of: k, last: k.end}
		_, err = k.fleet.add(conn, r, k.followers[i])
		return err
	})
}

// receive implements handler.
func (f *follower) receive(s *socket, data []byte, _ int64) (int, error) {
	return readFrames(s, data, func(payload []byte) error {
		_, after, found := bytes.Cut(payload, []byte(logMark))
		switch {
		case found:
			seq, digits := leadingNumber(after)
			if digits == 0 || seq != f.last+1 {
				return fmt.Errorf("entry %d comes after %d: %.300q", seq, f.last, payload)
			}
			if f.last = seq; seq == f.of.awaited.Load() {
				f.of.left.Load().count(1)
			}
			return nil
		case f.of.server.speaks.isPing(payload):
			return s.write(f.of.server.speaks.pong)
		}
		return fmt.Errorf("a follower's message is no addition: %.300q", payload)
	})
}

// turn sets for how many seconds entries are kept, 0 for ever, adds flat out, and waits until all followers have everything. It returns
// the adds a second, and how many entries were removed meanwhile.
func (k *keptLog) turn(b *bench, keep int) (rate float64, removed int64, err error) {
	if err := k.keep(keep); err != nil {
		return 0, 0, err
	}
	before, err := k.count()
	if err != nil {
		return 0, 0, err
	}
	// The adds have a fleet of their own, so that the followers' goes on between turns.
	f, err := newFleet(1)
	if err != nil {
		return 0, 0, err
	}
	defer f.close()
	callers := newCallers(f, retentionPosters)
	until := int64(0)
	var all []*doer
	for range retentionPosters {
		d := newAdder(k.server.host, k.poster, b.size)
		all = append(all, d)
		err := callers.open(k.server.host, &caller{request: d.request, answer: d.answered, next: func(request []byte, now int64) bool {
			d.change(request, now)
			return now < until
		}})
		if err != nil {
			return 0, 0, err
		}
	}
	until = time.Now().Add(b.lasts).UnixNano()
	took, err := callers.run(b.lasts+requestTimeout, "the adds")
	if err != nil {
		return 0, 0, err
	}
	after, err := k.count()
	if err != nil {
		return 0, 0, err
	}
	answered := int64(0)
	for _, d := range all {
		answered += int64(len(d.took))
	}
	removed = before + answered - after
	if keep > 0 && (removed <= 0 || after <= answered) {
		return 0, 0, fmt.Errorf("%d entries were removed while %d were added, and %d are left: the log should be long enough for all turns", removed, answered, after)
	}
	if err := k.keep(0); err != nil {
		return 0, 0, err
	}
	if err := k.meet(k.end + answered + 1); err != nil {
		return 0, 0, err
	}
	return float64(answered) / took.Seconds(), removed, nil
}

// keep sets for how many seconds entries are kept.
func (k *keptLog) keep(seconds int) error {
	var session struct{ Session struct{ ID string } }
	if err := k.client.graphql(k.me.access, `{session{id}}`, nil, &session); err != nil {
		return err
	}
	var data struct{ UpdateSession struct{ Retention int } }
	return k.client.graphql(retentionSecret, `mutation($s:ID!,$k:Int){updateSession(sessionId:$s,retention:$k){retention}}`,
		map[string]any{"s": session.Session.ID, "k": seconds}, &data)
}

// count returns how many entries the log has.
func (k *keptLog) count() (int64, error) {
	var data struct{ Session struct{ EntryCount int64 } }
	err := k.client.graphql(k.me.access, `{session{entryCount}}`, nil, &data)
	return data.Session.EntryCount, err
}

// meet adds an entry, which gets a number, and waits until all followers have it.
func (k *keptLog) meet(seq int64) error {
	k.left.Store(newCountdown(int64(len(k.followers))))
	k.awaited.Store(seq)
	var data struct{ AddChatEntry struct{ Seq int64 } }
	err := k.client.graphql(k.poster.access, addQuery, map[string]any{"c": k.poster.id, "b": strings.Repeat("0", stampDigits)}, &data)
	if err != nil {
		return err
	}
	if data.AddChatEntry.Seq != seq {
		return fmt.Errorf("the log has %d entries, but %d were answered", data.AddChatEntry.Seq, seq)
	}
	k.end = seq
	return k.fleet.await(k.left.Load().done, fanoutTimeout, "the entries")
}
