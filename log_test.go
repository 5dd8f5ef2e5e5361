package main

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBoundedLog: of a message that comes ten thousand times the log has some lines, and how many it left out; others, and
// what is debugged, are written as they come.
func TestBoundedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written lockedText
		log := slog.New(newBoundedLog(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug})))
		lines := func(part string) int { return strings.Count(written.String(), part) }
		for range 10_000 {
			log.Warn("again")
			log.With("node", 1).WithGroup("g").Warn("again")
			log.Debug("detail")
		}
		log.Error("once")
		if lines("msg=again") != logBurst || lines("msg=once") != 1 || lines("msg=detail") != 10_000 {
			t.Errorf("%d, %d and %d lines", lines("msg=again"), lines("msg=once"), lines("msg=detail"))
		}
		time.Sleep(logReport + time.Millisecond)
		synctest.Wait()
		if said := fmt.Sprintf("message=again lines=%d", 20_000-logBurst); lines(said) != 1 {
			t.Errorf("the log does not say %q", said)
		}
		for range 100 { // the time that passed let some more through
			log.Warn("again")
		}
		if n := lines("msg=again"); n != logBurst+10 {
			t.Errorf("%d lines after a rest", n)
		}
		time.Sleep(logReport + time.Millisecond)
		synctest.Wait()
		if lines("lines=90") != 1 {
			t.Error("the second report is missing")
		}
		for i := range 2 * logMessages {
			log.Warn(fmt.Sprint("different ", i))
		}
		if n := lines("different"); n > logMessages+logBurst {
			t.Errorf("%d different lines", n)
		}
		time.Sleep(time.Minute)
	})
}

// lockedText is what several goroutines write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
