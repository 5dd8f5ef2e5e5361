//go:build unix

package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"chattok/internal/history"
)

// reader follows a room's entries over Server-Sent Events, as one of its people in a further window.
type reader struct {
	*person
	seen   history.RecordedSubscriber
	cursor string // of the last entry seen
}

func newReader(p *person) *reader {
	return &reader{person: p, seen: p.room.recorder.Subscriber(p.name+" over SSE", 0), cursor: "0"}
}

// follow reads on one node after the other until ctx is done.
func (r *reader) follow(ctx context.Context) {
	for ctx.Err() == nil {
		m := r.awaitMember(ctx)
		visit, leave := context.WithTimeout(ctx, 2*time.Second+r.some(8*time.Second))
		if err := r.read(visit, r.node(), m); destroyed(err) {
			r.forget(m)
		}
		leave()
		r.pause(ctx, 300*time.Millisecond)
	}
}

// read reads from one node until the stream ends.
func (r *reader) read(ctx context.Context, node int, m member) error {
	variables := map[string]any{}
	byHeader := r.cursor != "0" && r.n(2) == 0
	if !byHeader {
		variables["a"] = r.cursor
	}
	body, err := json.Marshal(map[string]any{"query": entriesOperation, "variables": variables})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.room.world.nodes[node]+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+m.token)
	if byHeader {
		req.Header.Set("Last-Event-ID", r.cursor)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return r.unwanted(resp)
	}
	if r.cursor != "0" {
		r.seen.Resumed()
	}
	return r.take(bufio.NewReader(resp.Body))
}

// unwanted is an answer that is no stream.
func (r *reader) unwanted(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	var answer struct{ Errors []*problem }
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Errors) == 0 {
		r.room.world.fault("%s over SSE: %s %.200q", r.name, resp.Status, raw)
		return fmt.Errorf("%s", resp.Status)
	}
	return r.problem(answer.Errors[0])
}

func (r *reader) problem(err *problem) error {
	if !passing(err) {
		r.room.world.fault("%s over SSE: %v", r.name, err)
	}
	return err
}

// take records what comes.
func (r *reader) take(stream *bufio.Reader) error {
	event, data := "", ""
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n" && event == "next":
			if err := r.event(data); err != nil {
				return err
			}
			event, data = "", ""
		case line == "\n":
			event, data = "", "" // a comment, or the end
		case field == "event":
			event = value
		case field == "data":
			data = value
		}
	}
}

func (r *reader) event(data string) error {
	var event struct {
		Data   struct{ EntryAdded *entry }
		Errors []*problem
	}
	if err := json.Unmarshal([]byte(data), &event); err != nil {
		r.room.world.fault("%s over SSE: %.200q: %v", r.name, data, err)
		return err
	}
	if len(event.Errors) > 0 {
		return r.problem(event.Errors[0])
	}
	e := event.Data.EntryAdded
	r.seen.Saw(e.recorded())
	r.cursor = e.Cursor
	return nil
}
