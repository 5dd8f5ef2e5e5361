package session

import (
	"context"
	"sync"
)

// background owns the goroutines that are started now and then, such as the loading of a room, and waits for them to end.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex // held while work is added, so that none is added after the end
	ended bool
	work  sync.WaitGroup
}

func newBackground() *background {
	b := &background{}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// run runs f on a goroutine of its own, or not at all after end. f must return when its context is done.
func (b *background) run(f func(context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.work.Go(func() { f(b.ctx) })
}

// end cancels the context of all that runs, and returns when it has ended.
func (b *background) end() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	b.cancel()
	b.work.Wait()
}

// again runs work on one goroutine at a time; a wake during a run makes it run once more. Its zero value is ready.
type again struct {
	mu      sync.Mutex
	running bool
	asked   bool // since the present run began
}

// wake runs f in the background, or lets its present run go on. f does its work for as long as goOn says so.
func (a *again) wake(b *background, f func(context.Context)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = true
	if !a.running {
		a.running = true
		b.run(f)
	}
}

// goOn says whether wake was called since the run before began.
func (a *again) goOn() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running, a.asked = a.asked, false
	return a.running
}
