package transport

import (
	"bytes"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/internal/budget"
	"chattok/session"
)

// Limits of the events that a group keeps.
const (
	renderedOverhead = 128 // bytes that keeping an event takes beside its own
	maxRendered      = 1024
	maxRenderedBytes = 4 << 20
)

// rendered is the JSON of an event's response. final says that the subscription ends with it: an event that could not
// be executed must not be skipped. Then payload is the list of errors; it is nil where the subscription ended by
// itself. The zero rendered is that of a position without an event: nothing is written.
type rendered struct {
	payload  []byte
	response []byte // the whole response, where it is final
	final    bool
	failed   bool // in part; the event is executed again for the next readers
	passing  bool // it failed in part, for a reason that passes
}

// none says whether nothing is to be written.
func (r rendered) none() bool { return r.payload == nil && !r.final }

// takeRendered is newRendered for a response whose data nobody writes to any more. Data that is the whole response is not copied, unless
// its memory is much larger.
func takeRendered(response *graphql.Response) rendered {
	n := len(response.Data)
	spare := n / 8
	if n > workerEventBytes {
		spare = n / 2 // a copy would take more
	}
	if len(response.Errors) > 0 || len(response.Extensions) > 0 || nothingBut(response) || cap(response.Data) > n+spare {
		return newRendered(response)
	}
	return rendered{payload: wrapData(response.Data)}
}

// newRendered copies a response, because gqlgen reuses the buffer for the next one.
func newRendered(response *graphql.Response) rendered {
	switch {
	case response == nil:
		return rendered{final: true}
	case nothingBut(response):
		return rendered{payload: gqlerr.AppendList(nil, response.Errors), response: AppendResponse(nil, withoutData(response)), final: true}
	}
	passing := slices.ContainsFunc(response.Errors, func(e *gqlerror.Error) bool {
		return e.Extensions["code"] == string(session.CodeUnavailable)
	})
	return rendered{payload: AppendResponse(nil, response), failed: len(response.Errors) > 0, passing: passing}
}

// renderedEvents are the newest executed events of a group. Their bytes count to the node's memory budget.
type renderedEvents struct {
	budget *budget.Budget
	kept   *budget.Kept // counts events and the late event
	events map[any]rendered
	order  []any // the events, oldest first
	bytes  int
	made   int64 // what Topic.replaced returned when the first of them was executed
}

// add keeps an event, and drops the oldest ones above the limits.
func (k *renderedEvents) add(event any, r rendered, ended bool) {
	if k.events == nil {
		k.events = make(map[any]rendered)
	}
	before := k.bytes
	k.events[event] = r
	k.order = append(k.order, event)
	k.bytes += cap(r.payload) + renderedOverhead
	for len(k.order) > maxRendered || k.bytes > maxRenderedBytes && len(k.order) > 1 {
		k.drop()
	}
	k.count(k.bytes-before, ended)
	for k.budget.Over() && len(k.order) > 1 { // the budget can't take from this keeper, which is locked
		before = k.bytes
		k.drop()
		k.count(k.bytes-before, ended)
	}
}

// drop drops the oldest event.
func (k *renderedEvents) drop() {
	k.bytes -= cap(k.events[k.order[0]].payload) + renderedOverhead
	delete(k.events, k.order[0])
	k.order[0] = nil
	k.order = k.order[1:]
}

// count counts bytes to the budget. A group that has ended has given back all its bytes at once.
func (k *renderedEvents) count(bytes int, ended bool) {
	if !ended {
		k.kept.Add(int64(bytes))
	}
}

// clear drops all events.
func (k *renderedEvents) clear() {
	k.events, k.order, k.bytes = nil, nil, 0
	k.kept.Add(-k.kept.Bytes())
}

// nothingBut says whether a response has errors and no event: the operation could not begin, or the event's field,
// which must not be null, is null.
func nothingBut(response *graphql.Response) bool {
	return len(response.Errors) > 0 && (len(response.Data) == 0 || string(response.Data) == "null" || nullField(response.Data))
}

// nullField says whether data is an object with one field that is null, as gqlgen writes it for an event with a null
// where none may be. A JSON string has no bare quote in it, and a name needs no escape, so the text decides.
func nullField(data []byte) bool {
	name, ok := bytes.CutPrefix(data, []byte(`{"`))
	if !ok {
		return false
	}
	name, ok = bytes.CutSuffix(name, []byte(`":null}`))
	return ok && !bytes.Contains(name, []byte(`"`))
}

// withoutData writes data as null, as GraphQL demands for a null in a field that must not be null.
func withoutData(response *graphql.Response) *graphql.Response {
	if len(response.Data) == 0 {
		return response
	}
	spelt := *response
	spelt.Data = []byte("null")
	return &spelt
}
