//go:build unix

package chaos

import (
	"context"
	"fmt"
	"time"

	"chattok/internal/history"
)

// How often a person does what, about.
const (
	thinkTime   = 300 * time.Millisecond  // before it posts, at most
	askTime     = 700 * time.Millisecond  // before it asks for a latest entry, at most
	signalTime  = 1200 * time.Millisecond // before it signals, at most
	retryTime   = 300 * time.Millisecond  // before it tries again, at most
	giveUpAfter = 12                      // one failed try in so many is the last
)

// post adds entries until working is done, one after the other. What has begun by then is brought to its end, unless
// living is done.
func (p *person) post(living, working context.Context) {
	for n := 1; working.Err() == nil; n++ {
		p.pause(working, thinkTime)
		if m := p.member(); m.id != "" && working.Err() == nil {
			p.add(living, m, fmt.Sprintf("%s-%d", p.name, n))
		}
	}
}

// add adds one entry: again and again under its key, on any node and as whoever the person is by then, until it is
// answered or the person gives up.
func (p *person) add(ctx context.Context, m member, body string) {
	recorded := p.room.recorder.Add(m.id, body)
	for {
		var data struct{ AddChatEntry entry }
		err := p.ask(ctx, p.node(), m.token, addOperation, map[string]any{"c": m.id, "b": body, "k": body}, &data)
		if err == nil {
			recorded.Answered(data.AddChatEntry.recorded())
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

// awaitMember returns who the person is, when it is someone.
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
		p.pause(ctx, askTime)
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
		p.pause(ctx, signalTime)
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

// send sends one signal. It is numbered for its sender on this life of the node: what it sent by another may still be
// under way.
func (p *person) send(ctx context.Context, node int, m member, to string, must bool) error {
	sender := fmt.Sprintf("%s@%d.%d", m.id, node+1, p.room.world.lives[node].Load())
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
