package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// reviews asks a Reviewer about drafts before they are written. Of each session one question is under way at a time; the drafts that
// come meanwhile are the next one. So what is written of a session stays in the order in which it was posted, and a session whose
// questions are answered late delays no other.
type reviews struct {
	reviewer    Reviewer
	background  *background
	metrics     Metrics
	log         *slog.Logger
	timeout     time.Duration // of a question, and of the wait for it
	allowFailed bool          // what the Reviewer did not answer is stored

	limit, byteLimit int // of what waits

	ctx    context.Context // done when the service stops
	cancel context.CancelFunc

	mu       sync.Mutex
	sessions map[string]*reviewQueue
	drafts   int // that wait or are asked about, over all sessions
	bytes    int // of these
	logged   time.Time
}

// reviewQueue is the drafts of one session that wait or are asked about. A goroutine asks until there are none left.
type reviewQueue struct {
	waiting       []*pendingDraft // guarded by reviews.mu
	drafts, bytes int             // with those that are asked about
}

// pendingDraft is a draft that waits to be reviewed.
type pendingDraft struct {
	Draft
	size  int
	since time.Time
	write func(body string) error // begins to write it, in order, and does not wait
	done  chan error              // buffers one
}

// newReviews returns nil where there is no Reviewer.
func newReviews(cfg Config, b *background) *reviews {
	if cfg.Reviewer == nil {
		return nil
	}
	r := &reviews{reviewer: cfg.Reviewer, background: b, metrics: cfg.Metrics, log: cfg.Log, timeout: cfg.ReviewTimeout,
		allowFailed: cfg.AllowNotReviewed, limit: cfg.ReviewLimit, byteLimit: cfg.ReviewBytes, sessions: make(map[string]*reviewQueue)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// waiting returns how many drafts wait or are asked about.
func (r *reviews) waiting() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.drafts
}

// stop ends the questions that are under way. Drafts that wait are refused.
func (r *reviews) stop() {
	if r == nil {
		return
	}
	r.mu.Lock() // so that every draft that has joined has its goroutine
	defer r.mu.Unlock()
	r.cancel()
}

// do asks about a draft, and calls write with the body to be stored. write is called in the order of a session's drafts, on a
// goroutine of its own, and must not wait. Errors: FORBIDDEN with ReasonRefused; UNAVAILABLE, with ReasonNotReviewed where the
// Reviewer has failed; write's; ctx's own, and then write may be called or not.
func (r *reviews) do(ctx context.Context, sessionID string, d Draft, write func(body string) error) error {
	p := &pendingDraft{Draft: d, size: d.bytes(), since: time.Now(), write: write, done: make(chan error, 1)}
	if err := r.join(sessionID, p); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reviewed asks about a draft, begins to write what is to be stored, and waits for the result. Errors: those of do; result's.
func reviewed[R any](
	ctx context.Context, r *reviews, sessionID string, d Draft, begin func(body string) (result func(context.Context) (R, error), err error),
) (written R, err error) {
	var result func(context.Context) (R, error)
	err = r.do(ctx, sessionID, d, func(body string) (err error) {
		result, err = begin(body)
		return err
	})
	if err != nil {
		return written, err
	}
	return result(ctx)
}

// join adds a draft to those of its session. A session may wait with as much as is left for the others, so that many posters in one
// session whose questions are answered late leave room for every other.
func (r *reviews) join(sessionID string, p *pendingDraft) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return errStopping()
	}
	q := r.sessions[sessionID]
	known := q != nil
	if !known {
		q = &reviewQueue{}
	}
	if q.drafts >= r.limit-r.drafts || q.bytes+p.size > r.byteLimit-r.bytes || !known && len(r.sessions) >= maxReviewed {
		return errTooManyReviews(r.drafts)
	}
	q.waiting = append(q.waiting, p)
	q.drafts, q.bytes = q.drafts+1, q.bytes+p.size
	r.drafts, r.bytes = r.drafts+1, r.bytes+p.size
	if !known {
		r.sessions[sessionID] = q
		r.background.run(func(context.Context) { r.run(sessionID, q) })
	}
	return nil
}

// run asks about the drafts of a session until there are none left.
func (r *reviews) run(sessionID string, q *reviewQueue) {
	for batch := r.take(sessionID, q); batch != nil; batch = r.take(sessionID, q) {
		r.review(sessionID, batch)
		r.release(q, batch)
	}
}

// take removes and returns the drafts of the next question; nil where there are none, and the queue is over.
func (r *reviews) take(sessionID string, q *reviewQueue) []*pendingDraft {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.waiting) && n < MaxReviewDrafts {
		if bytes += q.waiting[n].size; n > 0 && bytes > maxReviewBytes {
			break
		}
		n++
	}
	if n == 0 {
		delete(r.sessions, sessionID)
		return nil
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// release makes room for others.
func (r *reviews) release(q *reviewQueue, batch []*pendingDraft) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range batch {
		q.drafts, q.bytes = q.drafts-1, q.bytes-p.size
		r.drafts, r.bytes = r.drafts-1, r.bytes-p.size
	}
}

// errWaitedTooLong is why nobody was asked about a draft.
var errWaitedTooLong = errors.New("earlier questions of its session took too long")

// review asks about drafts, and then writes or refuses them, in order. It does not ask about one that has waited for as long as a
// question may take.
func (r *reviews) review(sessionID string, batch []*pendingDraft) {
	var drafts []Draft
	failures, outcomes := make([]error, len(batch)), make([]error, len(batch))
	for i, p := range batch {
		if time.Since(p.since) > r.timeout {
			failures[i] = errWaitedTooLong
		} else {
			drafts = append(drafts, p.Draft)
		}
	}
	var verdicts []Verdict
	var failed error
	begun := time.Now()
	if len(drafts) > 0 {
		verdicts, failed = r.ask(sessionID, drafts)
	}
	took := time.Since(begun)
	refusals, failedDrafts := 0, 0
	var first error
	for i, p := range batch {
		var v Verdict
		if failures[i] == nil {
			if failures[i] = failed; failed == nil {
				v, verdicts = verdicts[0], verdicts[1:]
				failures[i] = v.check(&p.Draft)
			}
		}
		if failures[i] != nil {
			failedDrafts++
			if first == nil {
				first = failures[i]
			}
		} else if v.Action == VerdictRefuse {
			refusals++
		}
		outcomes[i] = r.settle(p, v, failures[i])
	}
	if r.ctx.Err() == nil {
		r.metrics.Reviewed(len(drafts), refusals, failedDrafts, took)
		r.report(first, failedDrafts, sessionID)
	}
	for i, p := range batch { // at last, so that somebody who was answered finds it counted
		p.done <- outcomes[i]
	}
}

// ask asks the Reviewer, and returns as many verdicts as there are drafts.
func (r *reviews) ask(sessionID string, drafts []Draft) (verdicts []Verdict, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	if caught := recovering(func() { verdicts, err = r.reviewer.Review(ctx, sessionID, drafts) }); caught != nil {
		return nil, caught
	}
	if err == nil && len(verdicts) != len(drafts) {
		err = fmt.Errorf("there are %d verdicts on %d drafts", len(verdicts), len(drafts))
	}
	return verdicts, err
}

// settle applies a verdict, or the failure to get one.
func (r *reviews) settle(p *pendingDraft, v Verdict, failed error) error {
	switch {
	case r.ctx.Err() != nil && failed != nil:
		return errStopping()
	case failed != nil && !r.allowFailed:
		return errNotReviewed()
	case failed == nil && v.Action == VerdictRefuse:
		return refused(v.Message)
	case failed == nil && v.Action == VerdictReplace:
		return p.write(v.Body)
	}
	return p.write(p.Body)
}

// reportPause is the least time between two lines of the log about failures.
const reportPause = 10 * time.Second

// report logs why drafts were not reviewed, now and then.
func (r *reviews) report(cause error, drafts int, sessionID string) {
	if cause == nil {
		return
	}
	r.mu.Lock()
	now := time.Now()
	silent := now.Sub(r.logged) < reportPause
	if !silent {
		r.logged = now
	}
	r.mu.Unlock()
	if silent {
		return
	}
	outcome := "refused"
	if r.allowFailed {
		outcome = "allowed"
	}
	r.log.Warn("posts could not be checked before they are stored", "error", cause, "session", sessionID, "posts", drafts, "outcome", outcome)
}
