//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Behaviour of honest people.
const (
	officeSession = "office"
	addPace       = 400 * time.Millisecond // between two entries of one person, on average
	seenTimeout   = 20 * time.Second       // for all of the last entries to be seen by everybody
	socketSilence = 60 * time.Second       // after which a server is taken for dead
	firstBackOff  = 100 * time.Millisecond // before a socket that broke is opened again
	lastBackOff   = 2 * time.Second
)

// people are honest members of one session who post and subscribe at a human pace, so that the server must refuse them
// nothing.
type people struct {
	crowd   []*person
	stop    context.CancelFunc
	talk    sync.WaitGroup
	listen  sync.WaitGroup
	hushed  chan struct{} // closed when all are to stop posting
	forgive bool          // an add that fails is tried again under its key, as the SDK does

	mu      sync.Mutex
	added   map[int64]string // ids of entries that were answered, by number
	samples []sample
	harm    map[string]int // numbers of faults by their description
	cuts    int            // sockets that were closed and resumed
}

// sample is how long an add took.
type sample struct {
	at   time.Time
	took time.Duration
}

// person is one of people.
type person struct {
	*client
	member
	seen atomic.Int64 // number of the newest entry received
	ids  []string     // of all entries received; the first person alone keeps them
	keep bool
}

// gather returns n people, who have joined a session and begun to post. With oneOffice, all share an address.
func gather(ctx context.Context, s *server, n int, pace time.Duration, oneOffice, forgive bool) (*people, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &people{stop: cancel, hushed: make(chan struct{}), forgive: forgive, added: make(map[int64]string), harm: make(map[string]int)}
	for i := range n {
		place := i + 1
		if oneOffice {
			place = 1
		}
		one := &person{client: s.client(address(true, place)), keep: i == 0}
		p.crowd = append(p.crowd, one)
		var err error
		if one.member, err = one.connect(ctx, officeSession, fmt.Sprint("person ", i+1), ""); err != nil {
			return nil, errors.Join(fmt.Errorf("person %d: %w", i+1, err), p.leave())
		}
	}
	for _, one := range p.crowd {
		listening := make(chan error, 1)
		p.listen.Go(func() { p.follow(ctx, one, listening) })
		if err := <-listening; err != nil {
			return nil, errors.Join(err, p.leave())
		}
		p.talk.Go(func() { p.add(ctx, one, pace) })
	}
	return p, nil
}

// harmed counts a fault that one of them met.
func (p *people) harmed(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.harm[what]++
}

// add posts entries at a steady pace until hushed is closed.
func (p *people) add(ctx context.Context, one *person, pace time.Duration) {
	for i := 0; ; i++ {
		timer := time.NewTimer(pace/2 + rand.N(pace))
		select {
		case <-p.hushed:
			timer.Stop()
			return
		case <-timer.C:
		}
		p.addOne(ctx, one, i)
	}
}

func (p *people) addOne(ctx context.Context, one *person, i int) {
	var answer struct {
		AddChatEntry struct {
			ID  string
			Seq int64
		}
	}
	variables := map[string]any{"c": one.id, "b": fmt.Sprintf("entry %d of %s", i, one.id), "k": random(12)}
	begin := time.Now()
	err := insist(ctx, p.forgive, func() error { return one.ask(ctx, one.access, addQuery, variables, &answer) })
	if ctx.Err() != nil {
		return
	}
	p.took(begin)
	if err != nil {
		p.harmed("add: " + codeOf(err))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.added[answer.AddChatEntry.Seq] = answer.AddChatEntry.ID
}

// insist asks. With forgive it asks again where an answer is lost, or the server says to, as the SDK does; a limit is none of these.
func insist(ctx context.Context, forgive bool, ask func() error) error {
	for try := 0; ; try++ {
		err := ask()
		if code := codeOf(err); err == nil || !forgive || code != "no answer" && code != "UNAVAILABLE" || try == 20 || !sleep(ctx, time.Second) {
			return err
		}
	}
}

func (p *people) took(begin time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples = append(p.samples, sample{begin, time.Since(begin)})
}

// follow reads the session's log until ctx ends, over as many sockets as it takes; each must go on where the last one
// ended. listening gets how the first one began.
func (p *people) follow(ctx context.Context, one *person, listening chan<- error) {
	cursor, wait := one.begin, firstBackOff
	for first := true; ctx.Err() == nil; first = false {
		s, err := one.socket(ctx, one.access)
		if err == nil {
			err = s.subscribe("log", `subscription($a:String){entryAdded(after:$a){id seq cursor}}`, map[string]any{"a": cursor})
		}
		if first {
			listening <- err
			if err != nil {
				return
			}
		}
		if err == nil {
			before := cursor
			cursor, err = p.read(ctx, one, s, cursor)
			if cursor != before {
				wait = firstBackOff
			}
			s.close()
		}
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		p.cuts++
		p.mu.Unlock()
		if !p.forgive {
			p.harmed("socket " + ending(err))
		}
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, lastBackOff)
	}
}

// read receives entries until the socket ends, and returns the last cursor.
func (p *people) read(ctx context.Context, one *person, s *socket, cursor string) (string, error) {
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	s.in = bufio.NewReaderSize(s.in, 32<<10) // a read for many events
	for {
		entry, err := s.nextEntry()
		if err != nil {
			return cursor, err
		}
		if last := one.seen.Load(); last != 0 && entry.Seq != last+1 {
			p.harmed("an entry out of order")
		}
		one.seen.Store(entry.Seq)
		if one.keep {
			for int64(len(one.ids)) < entry.Seq {
				one.ids = append(one.ids, "")
			}
			one.ids[entry.Seq-1] = entry.ID
		}
		cursor = entry.Cursor
	}
}

// entryAdded is an event that the people follow.
type entryAdded struct {
	ID, Cursor string
	Seq        int64
}

// nextEntry receives an event. As the server writes it, it is read without package json, which takes ten times as long: the people must
// not wait for their own processor when thousands of entries a second come.
func (s *socket) nextEntry() (e entryAdded, err error) {
	raw, err := s.read(socketSilence)
	if err != nil {
		return e, err
	}
	rest, plain := bytes.CutPrefix(raw, []byte(`{"id":"log","type":"next","payload":{"data":{"entryAdded":{"id":"`))
	id, rest, hasSeq := bytes.Cut(rest, []byte(`","seq":`))
	seq, rest, hasCursor := bytes.Cut(rest, []byte(`,"cursor":"`))
	last, end, ended := bytes.Cut(rest, []byte(`"`))
	if plain && hasSeq && hasCursor && ended && string(end) == "}}}}" {
		e.ID, e.Cursor = string(id), string(last)
		e.Seq, err = strconv.ParseInt(string(seq), 10, 64)
		return e, err
	}
	m, other, err := s.received(raw)
	if err == nil && !other {
		m, err = s.next(socketSilence)
	}
	if err != nil {
		return e, err
	}
	if m.Type != "next" {
		return e, fmt.Errorf("%s: %.200s", m.Type, m.Payload)
	}
	var event struct {
		Data   struct{ EntryAdded entryAdded }
		Errors []*problem
	}
	if err := json.Unmarshal(m.Payload, &event); err != nil {
		return e, err
	}
	if len(event.Errors) > 0 {
		return e, event.Errors[0]
	}
	return event.Data.EntryAdded, nil
}

// result holds the measures of the people.
type result struct {
	adds   int
	calm   time.Duration // the 99th percentile of their adds before the attack
	storm  time.Duration // while it went on
	harm   map[string]int
	cuts   int
	unseen int // answered entries that a person did not receive, summed over the people
}

// finish stops the posting, waits until everybody has received every entry, and returns the measures. The attack lasted
// from begin to end.
func (p *people) finish(begin, end time.Time) (r result) {
	close(p.hushed)
	p.talk.Wait()
	newest := int64(0)
	for seq := range p.added {
		newest = max(newest, seq)
	}
	for deadline := time.Now().Add(seenTimeout); time.Now().Before(deadline) && p.oldestSeen() < newest; {
		time.Sleep(20 * time.Millisecond)
	}
	for _, one := range p.crowd {
		r.unseen += int(max(0, newest-one.seen.Load()))
	}
	p.stop()
	p.listen.Wait()
	for seq, id := range p.added {
		if kept := p.crowd[0].ids; int64(len(kept)) >= seq && kept[seq-1] != "" && kept[seq-1] != id {
			p.harmed("another entry under an answered number")
		}
	}
	var calm, storm []time.Duration
	for _, s := range p.samples {
		switch {
		case s.at.Before(begin):
			calm = append(calm, s.took)
		case s.at.Before(end):
			storm = append(storm, s.took)
		}
	}
	r.adds, r.calm, r.storm, r.harm, r.cuts = len(p.added), percentile(calm, 0.99), percentile(storm, 0.99), p.harm, p.cuts
	for _, one := range p.crowd {
		one.client.close()
	}
	return r
}

// leave ends everything at once.
func (p *people) leave() error {
	p.stop()
	select {
	case <-p.hushed:
	default:
		close(p.hushed)
	}
	p.talk.Wait()
	p.listen.Wait()
	return nil
}

func (p *people) oldestSeen() int64 {
	oldest := p.crowd[0].seen.Load()
	for _, one := range p.crowd {
		oldest = min(oldest, one.seen.Load())
	}
	return oldest
}

// percentile returns the least value that at least the given share of the values does not exceed, or 0 of none.
func percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	i := int(float64(len(values))*share+0.999999) - 1
	return values[min(max(i, 0), len(values)-1)]
}
