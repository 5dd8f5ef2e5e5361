package session

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// erasureLease is the name of the lease of the node that erases.
const erasureLease = "erasures"

// erasureLimit is how many entries, connections and reactions one transaction erases in a session.
const erasureLimit = 50

// eraser does the erasures that are running, on one goroutine at a time: on the node that holds the lease for it, it erases what the
// database has; on every node, it takes what was erased out of memory, and says so in the Store. An erasure is done when all nodes have.
type eraser struct {
	store      Store
	node       string
	writes     *chatLog
	rooms      *rooms
	cache      *connectionCache
	feed       *feedReader
	done       func() // an erasure is done
	background *background
	log        *slog.Logger
	again      again

	// The fields below are run's own.
	noted   map[string]bool // erasures of which this node has said that it has nothing of them
	lease   namedLease
	failing map[string]bool // erasures that can't go on, "" for all of them
}

// wake looks for erasures. It does not wait.
func (e *eraser) wake() { e.again.wake(e.background, e.run) }

// run does what there is to do. The next tick tries again what fails.
func (e *eraser) run(ctx context.Context) {
	for e.again.goOn() {
		e.report(ctx, "", e.work(ctx))
	}
	if ctx.Err() != nil { // another node may go on at once
		if err := e.lease.giveUp(context.WithoutCancel(ctx)); err != nil {
			e.log.Debug("the lease of the erasures can't be given up; it ends by itself", "error", err)
		}
	}
}

// report logs an error of an erasure, or of all for "", unless it failed the last time too.
func (e *eraser) report(ctx context.Context, id string, err error) {
	if err == nil {
		delete(e.failing, id)
	} else if ctx.Err() == nil && !e.failing[id] {
		e.failing[id] = true
		e.log.Warn("an erasure can't go on; trying again", "erasure", id, "error", err)
	}
}

func (e *eraser) work(ctx context.Context) error {
	kept := e.store.KeepErasures(ctx)
	pending, err := e.store.PendingErasures(ctx)
	if err != nil || len(pending) == 0 {
		clear(e.noted)
		return errors.Join(kept, err)
	}
	noted := e.noteAll(ctx, pending)
	return errors.Join(kept, noted, e.advanceAll(ctx, pending))
}

// advanceAll brings these erasures as far as they get now, where this node is the one that erases. None waits for one that can't go on.
func (e *eraser) advanceAll(ctx context.Context, pending []PendingErasure) error {
	for i := range pending {
		if held, err := e.lease.hold(ctx); err != nil || !held {
			return err
		}
		err := e.advance(ctx, &pending[i])
		e.report(ctx, pending[i].ID, err)
		if err != nil {
			e.lease.doubt() // so that the next one is begun only if the Store answers, and this node is still the one that erases
		}
	}
	if err := e.store.ClearErased(ctx); err != nil {
		return err
	}
	e.done()
	return nil
}

// noteAll takes the subjects of the erasures that wait for it out of this node's memory, and says so in the Store.
func (e *eraser) noteAll(ctx context.Context, pending []PendingErasure) error {
	var waiting []PendingErasure
	for _, p := range pending {
		if p.Phase == PhaseSpreading && !e.noted[p.ID] {
			waiting = append(waiting, p)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := e.forget(ctx, waiting); err != nil {
		return err
	}
	var errs []error
	for _, p := range waiting {
		err := e.store.NoteErased(ctx, p.ID, e.node)
		e.noted[p.ID] = err == nil
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// forget takes the subjects of erasures out of this node's memory. Entries leave it with their changes, which every open room must have.
func (e *eraser) forget(ctx context.Context, subjects []PendingErasure) error {
	e.cache.erase(subjects)
	if err := e.rooms.catchUp(ctx); err != nil {
		return err
	}
	for _, r := range e.rooms.list() {
		r.roster.forgetEvents(func(c *Connection) bool {
			for _, p := range subjects {
				if p.Subject(c) {
					return true
				}
			}
			return false
		})
	}
	e.feed.forgetEvents()
	return nil
}

// forgetAll takes out of memory what other nodes may have erased while this node was taken for dead.
func (e *eraser) forgetAll() {
	e.cache.clear()
	for _, r := range e.rooms.list() {
		r.roster.forgetEvents(func(*Connection) bool { return true })
	}
	e.feed.forgetEvents()
}

// advance brings an erasure as far as it gets now.
func (e *eraser) advance(ctx context.Context, p *PendingErasure) (err error) {
	if p.Phase.Erasing() {
		if err := e.erase(ctx, p.ID); err != nil {
			return err
		}
		if p.Phase, err = e.store.SettleErasure(ctx, p.ID); err != nil {
			return err
		}
		if err := e.noteAll(ctx, []PendingErasure{*p}); err != nil {
			return err
		}
	}
	if p.Phase == PhaseSpreading {
		p.Phase, err = e.store.SettleErasure(ctx, p.ID)
	}
	return err
}

// erase erases what the database has of an erasure's subject: first its live connections in all sessions, so that nothing is added
// meanwhile, then everything.
func (e *eraser) erase(ctx context.Context, id string) error {
	for _, live := range []bool{true, false} {
		for after := ""; ; {
			at, err := e.store.ErasureSession(ctx, id, after, live)
			if err != nil {
				return err
			}
			if at == "" {
				break
			}
			if err := e.eraseIn(ctx, id, at, live); err != nil {
				return err
			}
			after = at
		}
	}
	return nil
}

// eraseIn erases what one session has of an erasure's subject, or ends its connections there. Between two transactions it leaves others
// as much time as the first has taken.
func (e *eraser) eraseIn(ctx context.Context, id, sessionID string, live bool) error {
	for part := (ErasedPart{}); ; {
		if held, err := e.lease.hold(ctx); err != nil || !held {
			if err == nil {
				err = Errorf(CodeUnavailable, "another node erases now")
			}
			return err
		}
		began := time.Now()
		next, err := e.writes.erase(ctx, id, sessionID, part.Next)
		if err != nil || !next.More || live && len(next.Ended) == 0 {
			return err
		}
		part = next
		pause := time.NewTimer(time.Since(began))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		}
	}
}
