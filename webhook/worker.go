package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"chattok/internal/outbound"
	"chattok/internal/sequence"
	"chattok/internal/webhooksign"
	"chattok/session"
)

// worker sends the events of one webhook, one request at a time.
type worker struct {
	sender *Sender
	id     string
	client *outbound.Client
	kicked chan struct{} // wakes it from any wait

	stop  context.CancelFunc // begins no further request
	abort context.CancelFunc // ends the one under way too
	done  chan struct{}

	replays atomic.Int64 // of the webhook, as the worker knows it
	at      atomic.Int64 // the place up to which the receiver has taken all events that the webhook wants
	newest  atomic.Int64 // the end of the feed, as the worker saw it last
	failed  atomic.Bool  // the last request was not taken

	// Only the worker's goroutine uses the fields below.
	stored  int64     // the webhook's place in the store
	noted   time.Time // when stored was set
	through int64     // the last place of the request that failed; 0 where the last request did not fail
	feed    *sequence.Follower[*session.FeedEvent]
	first   []*session.FeedEvent // what the feed begins with, until it was taken
	opened  time.Time            // when the feed was opened
}

// errEnded says that the webhook is no more.
var errEnded = errors.New("the webhook is no more")

// refusal is a request that was not taken.
type refusal struct{ error }

// reopenAfter is how long the worker follows the feed by one reader. A new reader is told where the feed was truncated meanwhile.
const reopenAfter = time.Minute

// storePause is the wait after a failure of the store, which does not count as one of the receiver's.
const storePause = time.Second

func (s *Sender) begin(w *session.Webhook) *worker {
	running, stop := context.WithCancel(context.Background())
	requests, abort := context.WithCancel(context.Background())
	k := &worker{sender: s, id: w.ID, client: s.public, kicked: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	k.abort = func() {
		stop()
		abort()
	}
	if w.ID == session.EnvironmentWebhook {
		k.client = s.private
	}
	k.at.Store(w.Place)
	k.replays.Store(w.Replays)
	k.stored, k.noted = w.Place, time.Now()
	go func() {
		defer close(k.done)
		defer k.abort()
		defer k.closeFeed()
		k.run(running, requests)
	}()
	return k
}

// kick wakes the worker from any wait.
func (k *worker) kick() {
	select {
	case k.kicked <- struct{}{}:
	default:
	}
}

func (k *worker) ended() bool {
	select {
	case <-k.done:
		return true
	default:
		return false
	}
}

// run sends until running is done or the webhook is no more; requests outlives running.
func (k *worker) run(running, requests context.Context) {
	for try := 0; running.Err() == nil; {
		more, err := k.once(requests)
		switch {
		case errors.Is(err, errEnded):
			return
		case err != nil:
			wait := storePause
			if _, refused := errors.AsType[refusal](err); refused {
				try++
				wait = k.sender.cfg.Retry.Wait(try)
			} else if running.Err() == nil {
				k.sender.cfg.Log.Warn("a webhook has to wait for the store", "webhook", k.id, "error", err)
			}
			k.closeFeed() // the next try reads the feed anew, as it is then
			k.pause(running, wait)
		case more:
			try = 0
		default:
			try = 0
			k.await(running)
		}
	}
}

// once makes one request, where there is something to send. more says that there may be more. An error is that of the request, or of
// the store.
func (k *worker) once(ctx context.Context) (more bool, err error) {
	w, err := k.sender.cfg.Store.Webhook(ctx, k.id)
	if session.CodeOf(err) == session.CodeNotFound {
		return false, errEnded
	}
	if err != nil {
		return false, err
	}
	if w.Replays != k.replays.Load() {
		k.closeFeed()
		k.replays.Store(w.Replays)
		k.at.Store(w.Place)
		k.stored, k.through = w.Place, 0
	}
	if w.Place > k.at.Load() { // another node was the sender meanwhile
		k.at.Store(w.Place)
		k.stored, k.through = w.Place, 0
	}
	if err := k.openFeed(ctx, w); err != nil {
		return false, err
	}
	b, err := k.collect(ctx, w)
	if err != nil {
		return false, err
	}
	if b.events == 0 {
		return b.to > b.from, k.pass(ctx, w, b.to)
	}
	return true, k.deliver(ctx, w, b)
}

// openFeed makes the worker a reader of the feed from its place on. A new reader is told where the feed has been truncated.
func (k *worker) openFeed(ctx context.Context, w *session.Webhook) (err error) {
	if k.feed != nil && time.Since(k.opened) < reopenAfter {
		return nil
	}
	k.closeFeed()
	k.opened = time.Now()
	k.feed, err = k.sender.cfg.Feed.FollowFeedFrom(ctx, k.at.Load(), w.SessionPrefix)
	if err != nil {
		k.feed = nil
		return err
	}
	k.first = k.feed.First
	return nil
}

func (k *worker) closeFeed() {
	if k.feed != nil {
		k.feed.Close()
		k.feed, k.first = nil, nil
	}
}

// pass goes on after places of which nothing is to be sent, and stores that now and then.
func (k *worker) pass(ctx context.Context, w *session.Webhook, to int64) error {
	k.at.Store(to)
	k.through = 0
	if to == k.stored || time.Since(k.noted) < noteEvery {
		return nil
	}
	return k.note(ctx, w, to, w.LastError)
}

// deliver sends a batch and stores what became of it.
func (k *worker) deliver(ctx context.Context, w *session.Webhook, b *batch) error {
	err := k.post(ctx, w, b)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx) // nobody's failure
	case errors.Is(err, errGone) && k.id != session.EnvironmentWebhook:
		k.sender.cfg.Log.Info("a webhook ends: its receiver answered with status 410", "webhook", k.id)
		if _, err := k.sender.cfg.Store.DeleteWebhook(ctx, k.id); err != nil && session.CodeOf(err) != session.CodeNotFound {
			return err
		}
		return errEnded
	case err != nil:
		k.through = b.to
		k.failed.Store(true)
		k.sender.cfg.Metrics.WebhookFailed()
		if w.FailingSince == nil {
			k.sender.cfg.Log.Warn("a webhook's receiver does not take events; trying again for as long as it takes", "webhook", k.id, "error", err)
		}
		return errors.Join(refusal{err}, k.note(ctx, w, k.at.Load(), err.Error()))
	}
	k.through, k.first = 0, nil
	k.failed.Store(false)
	k.sender.cfg.Metrics.WebhookSent(b.events)
	k.at.Store(b.to)
	return k.note(ctx, w, b.to, "")
}

// note stores the place, and why the last request failed; empty where it did not.
func (k *worker) note(ctx context.Context, w *session.Webhook, place int64, failure string) error {
	err := k.sender.progress.note(ctx, session.WebhookProgress{ID: k.id, From: w.Place, Replays: w.Replays, Place: place, Error: failure})
	if err == nil {
		k.stored, k.noted = place, time.Now()
	}
	return err
}

// errGone is the receiver's wish to get no more.
var errGone = errors.New("the answer's status is 410")

// post sends a batch. Its errors say nothing of what the receiver sent but the status.
func (k *worker) post(ctx context.Context, w *session.Webhook, b *batch) error {
	secret := k.sender.cfg.Named.Secret
	if k.id != session.EnvironmentWebhook {
		var err error
		if secret, err = webhooksign.Parse(w.Secret); err != nil {
			return fmt.Errorf("the webhook's secret %w", err)
		}
	}
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"ChatTok"}}
	secret.Sign(header, b.id(k), time.Now(), b.body())
	answer, err := k.client.Post(ctx, w.URL, header, b.body())
	switch {
	case answer.Status >= 200 && answer.Status < 300:
		return nil // also where the body did not end: the status says that the events were taken
	case answer.Status == http.StatusGone:
		return errGone
	case answer.Status >= 300 && answer.Status < 400:
		return fmt.Errorf("the answer is a redirect (status %d), which is not followed", answer.Status)
	case answer.Status != 0:
		return fmt.Errorf("the answer's status is %d", answer.Status)
	}
	return err
}

// pause waits before the next try, unless the worker is stopped or kicked.
func (k *worker) pause(running context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.kicked:
	case <-running.Done():
	}
}

// await waits until the feed goes on, until the place is to be stored, or until the worker is stopped or kicked.
func (k *worker) await(running context.Context) {
	woken := make(chan struct{}, 1)
	stop := k.feed.Watch(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	defer stop()
	at := k.at.Load()
	if _, newest := k.feed.Bounds(); newest > at {
		return // it went on before it was watched
	}
	var due <-chan time.Time
	if at != k.stored {
		timer := time.NewTimer(time.Until(k.noted.Add(noteEvery)))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-woken:
	case <-due:
	case <-k.kicked:
	case <-running.Done():
	}
}
