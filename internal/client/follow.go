package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Subscription is a subscription that is taken up where it was when its connection is lost.
type Subscription struct {
	// Query is a subscription with the variable $after, which takes the cursor to begin after.
	Query     string
	Variables map[string]any // the others
	After     string         // where it begins
	// Event is called with the data of each event, one after the other, and returns the event's cursor. An error of it ends the
	// subscription.
	Event func(data json.RawMessage) (cursor string, err error)
	// Lost, where it is not nil, is called when a connection is lost, before it is made again.
	Lost func(err error)
}

// silence is how long a stream may be silent: three times the server's default for CHATTOK_KEEP_ALIVE, 15 s. A server takes no more than
// 30 s for it.
const silence = 45 * time.Second

// eventError marks an error of Subscription.Event.
type eventError struct{ error }

func (e eventError) Unwrap() error { return e.error }

// Follow follows a subscription until ctx is done, whose error it returns then, or until the server refuses it. Lost connections are
// made again for as long as it takes. Errors: Error; those of Event.
func (c *Client) Follow(ctx context.Context, s Subscription) error {
	for try := 1; ; try++ {
		before := s.After
		err := c.follow(ctx, &s)
		var failed eventError
		switch {
		case errors.As(err, &failed):
			return failed.error
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !mayPass(err):
			return err
		}
		if s.After != before {
			try = 1
		}
		if err == nil {
			err = fmt.Errorf("%w: the stream has ended", ErrUnreachable)
		}
		if s.Lost != nil {
			s.Lost(err)
		}
		if !sleep(ctx, pauses.Wait(try)) {
			return ctx.Err()
		}
	}
}

// follow follows a subscription until its connection ends.
func (c *Client) follow(ctx context.Context, s *Subscription) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	variables := map[string]any{"after": s.After}
	for name, value := range s.Variables {
		variables[name] = value
	}
	response, err := c.send(ctx, "text/event-stream", s.Query, variables)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		if err := decode(response, body, new(any)); err != nil {
			return err
		}
		return strange(response)
	}
	stream := newEvents(response.Body)
	for {
		next, err := stream.next(func() { quiet.Reset(silence) })
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		case next.name == "complete":
			return nil
		case next.name != "next":
			continue
		}
		var a answer
		if err := json.Unmarshal(next.data, &a); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if err := a.err(); err != nil {
			return err
		}
		cursor, err := s.Event(a.Data)
		if err != nil {
			return eventError{err}
		}
		s.After = cursor
	}
}
