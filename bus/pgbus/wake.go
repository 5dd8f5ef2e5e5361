package pgbus

import (
	"context"
	"sync"
	"time"
)

// wake interrupts the goroutine that waits for the server. A call of up while nobody waits ends the next wait at once.
type wake struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	due    bool
}

func (w *wake) up() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = true
	if w.cancel != nil {
		w.cancel()
	}
}

// begin returns a context that up ends; done ends the waiting.
func (w *wake) begin(timeout time.Duration) (ctx context.Context, done func()) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel = cancel
	if w.due {
		cancel()
	}
	return ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		cancel()
		w.cancel, w.due = nil, false
	}
}
