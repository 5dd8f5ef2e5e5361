// Package boundedlog keeps a log readable, and a disk from filling up, when one line is written again and again: each message is
// written at a bounded rate, and the log says later how many lines were left out.
package boundedlog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	burst       = 20               // lines of one message that are written at once
	every       = time.Second      // between further lines of that message
	reportAfter = 10 * time.Second // from the first line that is left out until the log says how many were
	maxMessages = 1_000            // messages that are told apart; the rest share one allowance
)

// handler is a slog.Handler that bounds the lines of each message from level info on. Debug lines pass: an operator asked for
// them.
type handler struct {
	slog.Handler
	seen *messages
}

// messages counts the lines of a log. All handlers that are derived from one by WithAttrs and WithGroup share it.
type messages struct {
	now   func() time.Time
	after func(time.Duration, func()) // time.AfterFunc

	mu     sync.Mutex
	byText map[string]*message
}

type message struct {
	left    float64   // lines that may be written now
	at      time.Time // when left was reckoned
	dropped int       // lines left out since the last report
}

// New returns a handler that writes to h.
func New(h slog.Handler) slog.Handler {
	after := func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	return handler{h, &messages{now: time.Now, after: after, byText: make(map[string]*message)}}
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo && !h.seen.pass(r.Message, h.report(r)) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.seen}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.seen}
}

// report returns a function that logs how many lines like r were left out.
func (h handler) report(r slog.Record) func(dropped int) {
	return func(dropped int) {
		said := slog.NewRecord(h.seen.now(), r.Level, "lines of one message were left out", 0)
		said.AddAttrs(slog.String("message", r.Message), slog.Int("lines", dropped))
		_ = h.Handler.Handle(context.Background(), said)
	}
}

// pass says whether a line with this text is to be written. The first line that is not starts a timer, after which report is
// called with the number of lines that were left out by then.
func (s *messages) pass(text string, report func(dropped int)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byText[text]
	if m == nil {
		if len(s.byText) >= maxMessages {
			text = ""
		}
		if m = s.byText[text]; m == nil {
			m = &message{left: burst, at: s.now()}
			s.byText[text] = m
		}
	}
	now := s.now()
	m.left = min(burst, m.left+float64(now.Sub(m.at))/float64(every))
	m.at = now
	if m.left >= 1 {
		m.left--
		return true
	}
	if m.dropped++; m.dropped == 1 {
		s.after(reportAfter, func() {
			s.mu.Lock()
			dropped := m.dropped
			m.dropped = 0
			s.mu.Unlock()
			report(dropped)
		})
	}
	return false
}
