package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A line of the log that is written again and again says no more, and a disk full of them says nothing at all.
const (
	logBurst    = 20               // lines of one message that are written at once
	logEvery    = time.Second      // between further ones
	logReport   = 10 * time.Second // after which the log says how many were left out
	logMessages = 1_000            // messages that are told apart; the others are one
)

// boundedLog is a slog.Handler that writes each message at a bounded rate, from level info on; what is below, somebody
// asked for.
type boundedLog struct {
	slog.Handler
	seen *seenMessages
}

// seenMessages are the messages of a log, with all handlers that were made of it.
type seenMessages struct {
	now   func() time.Time
	after func(time.Duration, func()) // time.AfterFunc

	mu     sync.Mutex
	byText map[string]*seenMessage
}

type seenMessage struct {
	left    float64 // lines that may be written at once
	at      time.Time
	dropped int
}

func newBoundedLog(h slog.Handler) slog.Handler {
	after := func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	return boundedLog{h, &seenMessages{now: time.Now, after: after, byText: make(map[string]*seenMessage)}}
}

// Handle implements slog.Handler.
func (h boundedLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo && !h.seen.pass(r.Message, h.report(r)) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h boundedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return boundedLog{h.Handler.WithAttrs(attrs), h.seen}
}

// WithGroup implements slog.Handler.
func (h boundedLog) WithGroup(name string) slog.Handler {
	return boundedLog{h.Handler.WithGroup(name), h.seen}
}

// report returns what writes how many lines like r were left out.
func (h boundedLog) report(r slog.Record) func(dropped int) {
	return func(dropped int) {
		said := slog.NewRecord(h.seen.now(), r.Level, "lines like one before were left out", 0)
		said.AddAttrs(slog.String("message", r.Message), slog.Int("lines", dropped))
		_ = h.Handler.Handle(context.Background(), said)
	}
}

// pass says whether a line of this message is to be written. The first that is not has report called later, with how many
// were not until then.
func (s *seenMessages) pass(text string, report func(dropped int)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byText[text]
	if m == nil {
		if len(s.byText) >= logMessages {
			text = ""
		}
		if m = s.byText[text]; m == nil {
			m = &seenMessage{left: logBurst, at: s.now()}
			s.byText[text] = m
		}
	}
	now := s.now()
	m.left = min(logBurst, m.left+float64(now.Sub(m.at))/float64(logEvery))
	m.at = now
	if m.left >= 1 {
		m.left--
		return true
	}
	if m.dropped++; m.dropped == 1 {
		s.after(logReport, func() {
			s.mu.Lock()
			dropped := m.dropped
			m.dropped = 0
			s.mu.Unlock()
			report(dropped)
		})
	}
	return false
}
