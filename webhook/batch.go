package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"

	"chattok/session"
)

// Bounds of one request.
const (
	MaxEvents = 100
	maxBytes  = 256 << 10 // of the body, before its last event; each webhook may hold one for as long as its receiver hangs
)

// batch is the events of one request: those of the feed after one place and up to another that the webhook wants.
type batch struct {
	from, to int64
	events   int
	buffer   bytes.Buffer
}

// room says whether another event may be added.
func (b *batch) room() bool { return b.events < MaxEvents && b.buffer.Len() < maxBytes }

func (b *batch) add(e *session.FeedEvent, cursor string) error {
	if b.events == 0 {
		b.buffer.WriteString(`{"type":"chattok.events","data":{"events":[`)
	} else {
		b.buffer.WriteByte(',')
	}
	b.events++
	return writeEvent(&b.buffer, e, cursor)
}

// end completes the body.
func (b *batch) end() {
	if b.events > 0 {
		b.buffer.WriteString("]}}")
	}
}

func (b *batch) body() []byte { return b.buffer.Bytes() }

// id returns the id of the message with this batch: the same when it is sent again, and another one for other events.
func (b *batch) id(k *worker) string {
	sum := sha256.New()
	for _, part := range []string{k.id, k.sender.cfg.Feed.FeedCursor(b.from), k.sender.cfg.Feed.FeedCursor(b.to)} {
		sum.Write([]byte(part + "\x00")) // never fails
	}
	return "msg_" + base32.StdEncoding.EncodeToString(sum.Sum(nil))[:26]
}

// collect reads the events to send next. A batch that is sent again ends where it did.
func (k *worker) collect(ctx context.Context, w *session.Webhook) (*batch, error) {
	b := &batch{from: k.at.Load()}
	b.to = b.from
	for _, e := range k.first {
		if err := b.add(e, k.sender.cfg.Feed.FeedCursor(b.from)); err != nil {
			return nil, err
		}
	}
	for b.room() && (k.through == 0 || b.to < k.through) {
		events, next, err := k.read(ctx, b.to)
		if err != nil {
			return nil, err
		}
		if next == b.to {
			break
		}
		if b.to, err = k.take(b, w, events, next); err != nil {
			return nil, err
		}
	}
	b.end()
	_, newest := k.feed.Bounds()
	k.newest.Store(max(newest, b.to))
	return b, nil
}

// read returns the events after a place, one element a place, and the place to go on after.
func (k *worker) read(ctx context.Context, after int64) (events []*session.FeedEvent, next int64, err error) {
	events, gone := k.feed.Read(nil, after, MaxEvents)
	if gone {
		return k.feed.Behind(ctx, after)
	}
	return events, after + int64(len(events)), nil
}

// take adds the events that the webhook wants, and returns the place up to which it took them.
func (k *worker) take(b *batch, w *session.Webhook, events []*session.FeedEvent, next int64) (to int64, err error) {
	to = b.to
	for _, e := range events {
		if e == nil {
			continue
		}
		if !b.room() {
			return to, nil
		}
		if k.through != 0 && e.Place > k.through {
			return k.through, nil
		}
		if e.Place > 0 {
			to = e.Place
		}
		if k.feed.Sees != nil && !k.feed.Sees(e) || k.feed.None != nil && k.feed.None(e) || !w.Wants(e.EventKind()) {
			continue
		}
		if err := b.add(e, k.sender.cfg.Feed.FeedCursor(to)); err != nil {
			return to, err
		}
	}
	if k.through != 0 {
		return min(next, k.through), nil
	}
	return next, nil
}
