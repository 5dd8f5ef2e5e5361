package boundedlog

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBounds: a message that comes ten thousand times is written a few times, and then the log says how many lines it left out.
// Other messages and debug lines are written as they come.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written lockedText
		log := slog.New(New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug})))
		lines := func(part string) int { return strings.Count(written.String(), part) }
		for range 10_000 {
			log.Warn("again")
			log.With("node", 1).WithGroup("g").Warn("again")
			log.Debug("detail")
		}
		log.Error("once")
		if lines("msg=again") != burst || lines("msg=once") != 1 || lines("msg=detail") != 10_000 {
			t.Errorf("%d, %d and %d lines", lines("msg=again"), lines("msg=once"), lines("msg=detail"))
		}
		time.Sleep(reportAfter + time.Millisecond)
		synctest.Wait()
		if said := fmt.Sprintf("message=again lines=%d", 20_000-burst); lines(said) != 1 {
			t.Errorf("the log does not say %q", said)
		}
		for range 100 { // the time that passed let some more through
			log.Warn("again")
		}
		if n := lines("msg=again"); n != burst+10 {
			t.Errorf("%d lines after a rest", n)
		}
		time.Sleep(reportAfter + time.Millisecond)
		synctest.Wait()
		if lines("lines=90") != 1 {
			t.Error("the second report is missing")
		}
		for i := range 2 * maxMessages {
			log.Warn(fmt.Sprint("different ", i))
		}
		if n := lines("different"); n > maxMessages+burst {
			t.Errorf("%d different lines", n)
		}
		time.Sleep(time.Minute)
	})
}

// lockedText is a text that several goroutines may write to.
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
