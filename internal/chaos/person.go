//go:build unix

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"chattok/internal/history"
	"chattok/internal/wsclient"
)

// person is one client of a session.
type person struct {
	room   *room
	name   string
	client *http.Client
	home   int // the node that the person uses; anywhere for any node

	userKey  any           // the secret by which the person is a user; nil for none
	user     string        // the person's name where it is a user; else empty
	patience time.Duration // with a silent server

	randomMu sync.Mutex
	random   *rand.Rand

	mu       sync.Mutex
	me       member
	seen     history.RecordedSubscriber
	cursor   string // of the latest entry that the person saw
	watching history.RecordedWatcher
	listener history.RecordedListener // of the socket that is open
	online   bool                     // the person is subscribed to everything
	sent     map[string]int64         // number of signals, by sender

	log       history.RecordedLogReader
	logCursor string                      // of the latest event of the log that the person saw
	passing   []history.RecordedLogReader // the other readers of the log on the socket that is open
	had       map[string]bool             // the ids of the connections that the person has and had
}

// member is a person's connection and access token. The zero member is none.
type member struct{ id, token string }

// n returns a random number below max.
func (p *person) n(max int) int {
	p.randomMu.Lock()
	defer p.randomMu.Unlock()
	return p.random.IntN(max)
}

func (p *person) some(max time.Duration) time.Duration {
	return time.Duration(p.n(int(max/time.Microsecond))) * time.Microsecond
}

// anywhere is the home of a person that uses any node.
const anywhere = -1

// node picks a node, as a load balancer would that knows nothing of the nodes' state.
func (p *person) node() int {
	if p.home != anywhere {
		return p.home
	}
	return p.n(len(p.room.world.nodes))
}

func (p *person) member() member {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.me
}

// connect returns the person's connection, which it creates where there is none.
func (p *person) connect(ctx context.Context, node int) (member, error) {
	if m := p.member(); m.id != "" {
		return m, nil
	}
	var data struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	err := p.ask(ctx, node, "", `mutation($s:ID!,$d:String,$k:String){connect(sessionId:$s,data:$d,userKey:$k){accessToken connection{id}}}`,
		map[string]any{"s": p.room.id, "d": p.name, "k": p.userKey}, &data)
	if err != nil {
		return member{}, err
	}
	m := member{data.Connect.Connection.ID, data.Connect.AccessToken}
	p.mu.Lock()
	p.me = m
	p.had[m.id] = true
	p.mu.Unlock()
	p.room.met(m.id)
	return m, nil
}

// forget drops a connection that has ended, so that the person connects anew.
func (p *person) forget(m member) {
	if p.drop(m) {
		p.room.world.ended.Add(1)
	}
}

// drop leaves the person without a connection, and says whether it had connection m until now.
func (p *person) drop(m member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.me == m
	if was {
		p.me = member{}
	}
	return was
}

// move decides about a person's connection when it leaves a socket: mostly it keeps the connection; sometimes it drops
// it, as a page does that is reloaded, with or without a disconnect before.
func (p *person) move(ctx context.Context, m member) {
	choice := p.n(5)
	if choice > 1 || !p.drop(m) {
		return
	}
	p.room.world.left.Add(1)
	if choice == 0 {
		var data struct{}
		_ = p.ask(ctx, p.node(), m.token, `mutation{disconnect{id}}`, nil, &data) // it may fail, as it may for a page
	}
}

// ask runs an operation on a node, and reports an error that trouble in the cluster does not explain.
func (p *person) ask(ctx context.Context, node int, token, query string, variables map[string]any, data any) error {
	err := ask(ctx, p.client, p.room.world.nodes[node], token, query, variables, data)
	if err != nil && !passing(err) {
		p.room.world.fault("%s: %.60s…: %v", p.name, query, err)
	}
	return err
}

// follow keeps the person subscribed to its session, on one node after the other, until ctx is done.
func (p *person) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := p.visit(ctx, p.node())
		p.mu.Lock()
		p.online = false
		p.mu.Unlock()
		if err != nil { // otherwise the person just moves
			p.pause(ctx, 300*time.Millisecond)
		}
	}
}

// rest is pause between a person's acts, which takes longer where there are many people.
func (p *person) rest(ctx context.Context, most time.Duration) {
	p.pause(ctx, most*time.Duration(p.room.world.pace))
}

// longestStay is how many times as long as usual people stay on a node, at most, where there are many.
const longestStay = 4

// stay is how long a person stays on a node.
func (p *person) stay(most time.Duration) time.Duration {
	return (2*time.Second + p.some(most)) * time.Duration(min(p.room.world.pace, longestStay))
}

// pause waits for a random time up to most.
func (p *person) pause(ctx context.Context, most time.Duration) { pause(ctx, p.some(most)) }

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// visit follows the session on one node until the socket ends, or the person moves on.
func (p *person) visit(ctx context.Context, node int) error {
	me, err := p.connect(ctx, node)
	if err != nil {
		return err
	}
	s, err := dial(ctx, p.room.world.nodes[node], me.token)
	if errors.Is(err, errDestroyed) {
		p.forget(me)
	}
	if err != nil {
		return err
	}
	defer s.close()
	s.patience = p.patience
	v := &visit{person: p, node: node, me: me, socket: s}
	if p.n(3) > 0 {
		v.leave = time.After(p.stay(10 * time.Second))
	}
	err = v.run(ctx)
	switch {
	case errors.Is(err, errDestroyed):
		p.forget(me)
	case err == nil:
		p.move(ctx, me)
	}
	return err
}

// visit is a person's time on one socket.
type visit struct {
	*person
	node    int
	me      member
	socket  *socket
	leave   <-chan time.Time // when the person moves on by itself; nil for never
	fromNow *history.RecordedSubscriber
	logs    map[string]history.RecordedLogReader // by the ids of their operations
}

// Subscriptions of a visit, by the ids of their operations.
const (
	entriesID  = "entries"
	fromNowID  = "fromNow"
	signalsID  = "signals"
	presenceID = "presence"
)

const (
	plainFields        = `id seq cursor connectionId body version deletedBy reactions{name count}`
	entryFields        = plainFields + ` replyTo{` + plainFields + `}`
	entriesOperation   = `subscription($a:String){entryAdded(after:$a){` + entryFields + `}}`
	signalsOperation   = `subscription{signalReceived{data fromConnectionId missed}}`
	presenceOperation  = `subscription{sessionEvents{__typename ...on SessionState{connections{id} truncated} ...on ConnectionCreated{connection{id}} ...on ConnectionDestroyed{connection{id} reason}}}`
	latestOperation    = `query($c:ID!){latestChatEntry(connectionId:$c){` + entryFields + `}}`
	addOperation       = `mutation($c:ID!,$b:String!,$k:ID!,$r:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k,replyTo:$r){` + entryFields + `}}`
	sendOperation      = `mutation($d:String!,$to:ID){sendSignal(type:"chaos",data:$d,to:$to){type}}`
	logOperation       = `query($a:String){chatEntries(first:200,after:$a){nodes{` + entryFields + `}}}`
	rosterOperation    = `{session{connections{id}}}`
	headOperation      = `{chatEntries(last:1){nodes{` + entryFields + `}}}`
	fromNowProbability = 4 // one visit in this many
)

// begin subscribes to everything at once.
func (v *visit) begin(ctx context.Context) error {
	recorder := v.room.recorder
	v.mu.Lock()
	after := v.cursor
	v.listener = recorder.Listener(v.me.id)
	v.mu.Unlock()
	if err := v.socket.subscribe(ctx, signalsID, signalsOperation, nil); err != nil {
		return err
	}
	if err := v.socket.subscribe(ctx, presenceID, presenceOperation, nil); err != nil {
		return err
	}
	if v.n(fromNowProbability) == 0 {
		s := recorder.Subscriber(fmt.Sprintf("%s, from now on, on node %d", v.name, v.node+1), history.FromNow)
		v.fromNow = &s
		if err := v.socket.subscribe(ctx, fromNowID, entriesOperation, nil); err != nil {
			return err
		}
	}
	if after != "0" {
		v.seen.Resumes()
	}
	if err := v.socket.subscribe(ctx, entriesID, entriesOperation, map[string]any{"a": after}); err != nil {
		return err
	}
	return v.followLog(ctx)
}

func (v *visit) run(ctx context.Context) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	for {
		m, err := v.socket.next(ctx)
		if err != nil {
			return err
		}
		switch m.Type {
		case "next":
			err = v.take(m)
		case "error":
			err = v.refused(m)
		default:
			err = fmt.Errorf("the server sent %s for %s", m.Type, m.ID)
			v.room.world.fault("%s: %v", v.name, err)
		}
		if err != nil {
			return err
		}
		select {
		case <-v.leave:
			if !v.room.world.settling.Load() {
				return nil
			}
		default:
		}
	}
}

// refused returns the error that an operation ended with.
func (v *visit) refused(m wsclient.Message) error {
	var problems []*problem
	if err := json.Unmarshal(m.Payload, &problems); err != nil || len(problems) == 0 {
		v.room.world.fault("%s: an error of the form %s", v.name, m.Payload)
		return errors.New("malformed error")
	}
	err := problems[0]
	if !passing(err) {
		v.room.world.fault("%s: %s on node %d: %v", v.name, m.ID, v.node+1, err)
	}
	if destroyed(err) {
		return fmt.Errorf("%w: %w", errDestroyed, err)
	}
	return err
}

// take records an event.
func (v *visit) take(m wsclient.Message) error {
	var event struct {
		Data struct {
			EntryAdded     *entry
			SignalReceived *struct {
				Data             string
				FromConnectionID string
				Missed           int
			}
			SessionEvents *presenceEvent
			LogEvents     *logEvent
		}
		Errors []*problem
	}
	if err := json.Unmarshal(m.Payload, &event); err != nil {
		return fmt.Errorf("the event %.200q: %w", m.Payload, err)
	}
	if len(event.Errors) > 0 {
		v.room.world.fault("%s: %s came with %v", v.name, m.ID, event.Errors[0])
	}
	switch d := event.Data; {
	case d.LogEvents != nil:
		v.takeLog(m.ID, d.LogEvents)
	case d.EntryAdded != nil && m.ID == fromNowID:
		v.fromNow.Saw(d.EntryAdded.recorded())
		d.EntryAdded.quotes(v.fromNow.Quoted)
	case d.EntryAdded != nil:
		v.seen.Saw(d.EntryAdded.recorded())
		d.EntryAdded.quotes(v.seen.Quoted)
		v.mu.Lock()
		v.cursor = d.EntryAdded.Cursor
		v.mu.Unlock()
	case d.SignalReceived != nil:
		var g history.Hearing
		if _, err := fmt.Sscan(d.SignalReceived.Data, &g.Sender, &g.N); err != nil {
			return fmt.Errorf("the signal %q: %w", d.SignalReceived.Data, err)
		}
		g.From = d.SignalReceived.FromConnectionID
		v.listener.Heard(g)
	case d.SessionEvents != nil:
		v.presence(d.SessionEvents)
	}
	return nil
}

// presenceEvent is a SessionEvent of any type.
type presenceEvent struct {
	Typename    string `json:"__typename"`
	Connections []struct{ ID string }
	Truncated   bool
	Connection  struct{ ID string }
	Reason      string
}

func (v *visit) presence(e *presenceEvent) {
	switch e.Typename {
	case "SessionState":
		state := make([]string, len(e.Connections))
		for i, c := range e.Connections {
			state[i] = c.ID
		}
		v.watching.Saw(history.Change{Kind: history.Snapshot, State: state})
		v.mu.Lock()
		v.online = true
		v.mu.Unlock()
	case "ConnectionCreated":
		v.watching.Saw(history.Change{Kind: history.Created, Connection: e.Connection.ID})
	case "ConnectionDestroyed":
		v.watching.Saw(history.Change{Kind: history.Destroyed, Connection: e.Connection.ID, Reason: e.Reason})
	}
}
