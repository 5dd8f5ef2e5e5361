//go:build unix

package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"chattok/internal/history"
)

// reader follows a room's entries, or its log, over Server-Sent Events, as one of its people in another window.
type reader struct {
	*person
	operation string
	seen      history.RecordedSubscriber
	log       history.RecordedLogReader
	cursor    string // of the latest entry or event that the reader saw
}

func newReader(p *person) *reader {
	return &reader{person: p, operation: entriesOperation, seen: p.room.recorder.Subscriber(p.name+" over SSE", 0), cursor: "0"}
}

func newLogReader(p *person) *reader {
	return &reader{person: p, operation: logEventsOperation, log: p.room.recorder.LogReader(p.name+" over SSE", 0), cursor: "0"}
}

func (r *reader) ofLog() bool { return r.operation == logEventsOperation }

// follow reads on one node after another until ctx is done.
func (r *reader) follow(ctx context.Context) {
	for ctx.Err() == nil {
		m := r.awaitMember(ctx)
		visit, leave := context.WithTimeout(ctx, r.stay(8*time.Second))
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
	byHeader := !r.ofLog() && r.cursor != "0" && r.n(2) == 0
	if !byHeader {
		variables["a"] = r.cursor
	}
	body, err := json.Marshal(map[string]any{"query": r.operation, "variables": variables})
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
	switch {
	case r.cursor == "0":
	case r.ofLog():
		r.log.Resumes()
	default:
		r.seen.Resumes()
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return r.unwanted(resp)
	}
	return r.take(bufio.NewReader(resp.Body))
}

// unwanted returns the error of an answer that is no stream.
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

// take records an event.
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
			event, data = "", "" // a comment, or the end of an event
		case field == "event":
			event = value
		case field == "data":
			data = value
		}
	}
}

func (r *reader) event(data string) error {
	if r.ofLog() {
		e, err := logEventOf([]byte(data))
		if err == nil {
			r.log.Saw(e.recorded())
			e.Entry.quotes(r.log.Quoted)
			r.cursor = e.Cursor
		}
		return r.unread(data, err)
	}
	e, err := eventOf[struct{ EntryAdded *entry }]([]byte(data))
	if err == nil {
		r.seen.Saw(e.EntryAdded.recorded())
		e.EntryAdded.quotes(r.seen.Quoted)
		r.cursor = e.EntryAdded.Cursor
	}
	return r.unread(data, err)
}

// unread reports an event that can't be read, where trouble in the cluster does not explain it.
func (r *reader) unread(data string, err error) error {
	if err != nil {
		if _, ok := errors.AsType[*problem](err); !ok || !passing(err) {
			r.room.world.fault("%s over SSE: %.200q: %v", r.name, data, err)
		}
	}
	return err
}

// eventOf returns the data of an event, or its error.
func eventOf[T any](payload []byte) (data T, err error) {
	var event struct {
		Data   T
		Errors []*problem
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return data, err
	}
	if len(event.Errors) > 0 {
		return data, event.Errors[0]
	}
	return event.Data, nil
}

func logEventOf(payload []byte) (*logEvent, error) {
	data, err := eventOf[struct{ LogEvents *logEvent }](payload)
	return data.LogEvents, err
}
