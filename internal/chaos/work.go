//go:build unix

package chaos

import (
	"context"
	"fmt"
	"time"

	"chattok/internal/history"
)

// The times between a person's acts, about.
const (
	thinkTime   = 300 * time.Millisecond  // at most, before the person posts
	askTime     = 700 * time.Millisecond  // at most, before it asks for a latest entry
	signalTime  = 1200 * time.Millisecond // at most, before it signals
	retryTime   = 300 * time.Millisecond  // at most, before it tries again
	giveUpAfter = 12                      // one failed try in this many is the last
)

// post adds entries, one after another, until working is done. It finishes the entry that it has begun, unless living
// living is done.
func (p *person) post(living, working context.Context) {
	for n := 1; working.Err() == nil; n++ {
		p.rest(working, thinkTime)
		if m := p.member(); m.id != "" && working.Err() == nil {
			p.add(living, m, fmt.Sprintf("%s-%d", p.name, n))
		}
	}
}

// add adds one entry. It tries again under the entry's key, on any node and with the connection that the person has by
// then, until it is answered or the person gives up.
func (p *person) add(ctx context.Context, m member, body string) {
	recorded := p.room.recorder.Add(m.id, body)
	var replyTo *string
	if e, ok := p.room.pickEntry(p, anyEntry); ok && p.n(3) == 0 {
		replyTo = &e.ID
	}
	for {
		var data struct{ AddChatEntry entry }
		err := p.ask(ctx, p.node(), m.token, addOperation, map[string]any{"c": m.id, "b": body, "k": body, "r": replyTo}, &data)
		if err == nil {
			recorded.Answered(data.AddChatEntry.recorded())
			p.room.knows(data.AddChatEntry, p, m)
			p.room.world.answered()
			return
		}
		if destroyed(err) {
			p.forget(m)
		}
		if !p.room.world.stubborn && p.n(giveUpAfter) == 0 {
			return
		}
		p.pause(ctx, retryTime)
		if m = p.awaitMember(ctx); ctx.Err() != nil {
			return
		}
		recorded.Retry(m.id)
	}
}

// awaitMember returns the person's connection when it has one.
func (p *person) awaitMember(ctx context.Context) member {
	for ctx.Err() == nil {
		if m := p.member(); m.id != "" {
			return m
		}
		pause(ctx, 50*time.Millisecond)
	}
	return member{}
}

// wonder asks for latest entries until ctx is done.
func (p *person) wonder(ctx context.Context) {
	for ctx.Err() == nil {
		p.rest(ctx, askTime)
		m := p.member()
		if m.id == "" || ctx.Err() != nil {
			continue
		}
		whose := p.room.anyone(p)
		asked := p.room.recorder.Now()
		var data struct{ LatestChatEntry *entry }
		err := p.ask(ctx, p.node(), m.token, latestOperation, map[string]any{"c": whose}, &data)
		switch {
		case err != nil && destroyed(err):
			p.forget(m)
		case err != nil:
		case data.LatestChatEntry == nil:
			p.room.recorder.Latest(whose, asked, nil)
		default:
			e := data.LatestChatEntry.recorded()
			p.room.recorder.Latest(whose, asked, &e)
		}
	}
}

// signal sends signals until ctx is done.
func (p *person) signal(ctx context.Context) {
	for ctx.Err() == nil {
		p.rest(ctx, signalTime)
		if m := p.member(); m.id != "" && ctx.Err() == nil {
			to := ""
			if p.n(3) == 0 {
				to = p.room.anyone(p)
			}
			if err := p.send(ctx, p.node(), m, to, false); destroyed(err) {
				p.forget(m)
			}
		}
	}
}

// send sends one signal. Signals are numbered for each connection and run of a node: a signal that was sent by way of
// another node may still be on its way.
func (p *person) send(ctx context.Context, node int, m member, to string, must bool) error {
	sender := fmt.Sprintf("%s@%d.%d", m.id, node+1, p.room.world.runs[node].Load())
	p.mu.Lock()
	p.sent[sender]++
	n := p.sent[sender]
	p.mu.Unlock()
	recorded := p.room.recorder.Signal(history.Signal{Sender: sender, From: m.id, N: n, To: to, Must: must})
	variables := map[string]any{"d": fmt.Sprintf("%s %d", sender, n)}
	if to != "" {
		variables["to"] = to
	}
	var data struct{}
	err := ask(ctx, p.client, p.room.world.nodes[node], m.token, sendOperation, variables, &data)
	if err != nil && !passing(err) && !gone(err) {
		p.room.world.fault("%s: sendSignal: %v", p.name, err)
	}
	if err == nil {
		recorded.Answered()
	}
	return err
}
