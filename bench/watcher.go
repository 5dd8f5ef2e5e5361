//go:build linux

package main

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
)

// watchers are the subscribers of one session's log.
type watchers struct {
	server  *server
	fleet   *fleet
	session string
	all     []*watcher
	awaited atomic.Int64 // the number of the entry whose addition is waited for
	left    atomic.Pointer[countdown]
}

// watcher checks the events of one socket: additions come each once and in order, and no entry's version comes again or
// late. Versions may be left out, as the log allows where one reads slowly.
type watcher struct {
	of       *watchers
	versions []int64 // by number less one
	events   int
	// The records of a sampled watcher; read them when the fleet is closed, or nothing comes.
	sampled bool
	late    []int64  // from the request to the reader, of changes of bodies
	size    [2]int64 // bytes of additions and changes
	count   [2]int64
}

// logMark stands right before an entry's number.
const logMark = `"logEvents":{"entry":{"seq":`

// openWatchers subscribes n sockets to the log of a new session, from its beginning.
func openWatchers(s *server, n int) (*watchers, error) {
	f, err := newFleet(runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	w := &watchers{server: s, fleet: f, session: newSession(), all: make([]*watcher, n)}
	members, err := connectAll(s, n, func(int) string { return w.session })
	if err == nil {
		err = parallel(s.host, n, func(i int, _ *client) error { return w.open(i, members[i]) })
	}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return w, nil
}

func (w *watchers) open(i int, m member) error {
	conn, err := dialLocal(w.server.host, i, false)
	if err != nil {
		return err
	}
	r, err := upgrade(conn, w.server.host, w.server.speaks.path, w.server.speaks.subprotocol)
	if err != nil {
		return err
	}
	const fields = `{entry{seq version body reactions{name count}} cursor}`
	err = openGraphQL(conn, r, m.access, i, `subscription{logEvents(after:\"0\"){... on EntryAdded`+fields+` ... on EntryChanged`+fields+`}}`)
	if err != nil {
		return err
	}
	w.all[i] = &watcher{of: w, sampled: i%max(1, len(w.all)/sampledSubscribers) == 0}
	_, err = w.fleet.add(conn, r, w.all[i])
	return err
}

// meet adds an entry and waits until all watchers have it, and so everything before it. seq is the number that it gets.
func (w *watchers) meet(seq int64, add func() error) error {
	w.left.Store(newCountdown(int64(len(w.all))))
	w.awaited.Store(seq)
	if err := add(); err != nil {
		return err
	}
	left := w.left.Load()
	if err := w.fleet.await(left.done, fanoutTimeout, "the events"); err != nil {
		return fmt.Errorf("%w; %d watchers do not have entry %d", err, left.left.Load(), seq)
	}
	return nil
}

// check returns an error unless every watcher has these versions, by number less one.
func (w *watchers) check(versions []int64) error {
	for i, one := range w.all {
		if len(one.versions) < len(versions) {
			return fmt.Errorf("watcher %d has %d entries of %d", i, len(one.versions), len(versions))
		}
		for n, want := range versions {
			if one.versions[n] != want {
				return fmt.Errorf("watcher %d has version %d of entry %d, which has %d", i, one.versions[n], n+1, want)
			}
		}
	}
	return nil
}

// events returns how many events all watchers had.
func (w *watchers) events() (n int) {
	for _, one := range w.all {
		n += one.events
	}
	return n
}

// receive implements handler.
func (w *watcher) receive(s *socket, data []byte, now int64) (int, error) {
	return readFrames(s, data, func(payload []byte) error {
		if bytes.Contains(payload, []byte(logMark)) {
			return w.message(payload, now)
		}
		if w.of.server.speaks.isPing(payload) {
			return s.write(w.of.server.speaks.pong)
		}
		return fmt.Errorf("a watcher's message is no event: %.300q", payload)
	})
}

func (w *watcher) message(message []byte, now int64) error {
	for rest := message; ; {
		_, after, found := bytes.Cut(rest, []byte(logMark))
		if !found {
			return nil
		}
		rest = after
		seq, digits := leadingNumber(after)
		versionMark := []byte(`,"version":`)
		if digits == 0 || !bytes.HasPrefix(after[digits:], versionMark) {
			return fmt.Errorf("an event has no version: %.300q", message)
		}
		version, _ := leadingNumber(after[digits+len(versionMark):])
		if err := w.event(seq, version); err != nil {
			return err
		}
		if w.sampled {
			w.record(version, after, len(message), now)
		}
	}
}

func (w *watcher) event(seq, version int64) error {
	w.events++
	known := int64(len(w.versions))
	switch {
	case seq == known+1:
		w.versions = append(w.versions, version)
		if seq == w.of.awaited.Load() {
			w.of.left.Load().count(1)
		}
		return nil
	case seq > known:
		return fmt.Errorf("entries %d to %d are missing", known+1, seq-1)
	case version <= w.versions[seq-1]:
		return fmt.Errorf("version %d of entry %d came again or late, after %d", version, seq, w.versions[seq-1])
	}
	w.versions[seq-1] = version
	return nil
}

func (w *watcher) record(version int64, event []byte, size int, now int64) {
	kind := min(1, version-1)
	w.size[kind] += int64(size)
	w.count[kind]++
	at := bytes.Index(event, []byte(`"body":"`))
	if at < 0 {
		return
	}
	if sent, digits := leadingNumber(event[at+len(`"body":"`):]); digits == stampDigits && sent != 0 {
		w.late = append(w.late, now-sent)
	}
}
