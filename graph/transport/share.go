package transport

import (
	"context"
	"maps"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/session"
)

// Shared says how a subscription field's events are executed once for all who select the same of them. The execution
// has no caller: what a resolver makes of an event must depend on the event and the selection alone, and where it asks
// who calls it is told nobody. Which events a reader sees, and whether it may, is decided by Join, for each reader.
type Shared struct {
	// Position names the argument that says where to begin, if there is one. It is no part of what is selected.
	Position string
	// Join returns the caller's right to follow. Where it fails, the field's resolver is asked, which says why.
	Join func(ctx context.Context, args map[string]any) (*Topic, error)
}

// Topic is a session.Follower whose type of event is forgotten.
type Topic struct {
	key    string
	cursor func(position int64) string // nil where positions are no cursors
	after  int64
	first  []any
	read   func(dst []any, after int64, limit int) (events []any, gone bool)
	newest func() int64
	behind func(ctx context.Context, after int64) (events []any, next int64, err error)
	watch  func(wake func()) (stop func())
	sees   func(event any) bool // nil for all
	close  func()
	// events returns ctx with a channel for the field's resolver, and what puts an event there, unless ctx is done.
	events func(ctx context.Context) (context.Context, func(event any) bool)
}

// NewTopic forgets a Follower's type.
func NewTopic[T any](f *session.Follower[T]) *Topic {
	t := &Topic{key: f.Key, after: f.After, cursor: f.Cursor, first: erase(nil, f.First), watch: f.Watch, close: f.Close,
		read: func(dst []any, after int64, limit int) ([]any, bool) {
			events, gone := f.Read(nil, after, limit)
			return erase(dst, events), gone
		},
		newest: func() int64 { _, newest := f.Bounds(); return newest },
		events: func(ctx context.Context) (context.Context, func(any) bool) {
			c := make(chan T, 1) // the event is taken before the next one is put in, unless ctx is done
			return context.WithValue(ctx, sharedKey{}, (<-chan T)(c)), func(event any) bool {
				select {
				case <-c: // or its execution panicked before
				default:
				}
				select {
				case c <- event.(T):
					return true
				case <-ctx.Done():
					return false
				}
			}
		},
		behind: func(ctx context.Context, after int64) ([]any, int64, error) {
			events, next, err := f.Behind(ctx, after)
			return erase(nil, events), next, err
		}}
	if f.Sees != nil {
		t.sees = func(event any) bool { return f.Sees(event.(T)) }
	}
	return t
}

func erase[T any](dst []any, events []T) []any {
	for _, e := range events {
		dst = append(dst, e)
	}
	return dst
}

type sharedKey struct{}

// SharedEvents returns the events that the resolver of a shared field is to hand on, where there is a shared execution.
func SharedEvents[T any](ctx context.Context) (<-chan T, bool) {
	c, ok := ctx.Value(sharedKey{}).(<-chan T)
	return c, ok
}

// sharedField returns the one field of a subscription that can be shared, with its arguments and what of its events is
// selected, spelt the same wherever the answers are the same; ok is false for every other operation.
func sharedField(op *graphql.OperationContext, shared map[string]Shared) (s Shared, args map[string]any, selection string, ok bool) {
	o := op.Operation
	if o.Operation != ast.Subscription || len(o.Directives) > 0 {
		return s, nil, "", false
	}
	c := collector{op: op}
	top := c.collect(nil, o.SelectionSet, "Subscription")
	if len(top) != 1 || top[0].name == "" || c.other {
		return s, nil, "", false
	}
	if s, ok = shared[top[0].name]; !ok {
		return s, nil, "", false
	}
	args = top[0].field.ArgumentMap(op.Variables)
	selecting := maps.Clone(args)
	delete(selecting, s.Position)
	var b strings.Builder
	b.WriteString(top[0].alias)
	if !appendArguments(&b, selecting) || len(top[0].within) > 0 && !appendSelected(&b, top[0].within, op.Variables) {
		return s, nil, "", false
	}
	return s, args, b.String(), true
}

// topic opens the source that a subscription follows, and names its group, where its events can be shared: what it selects
// of whose events. Else it returns nil, and the operation runs alone; where the caller may not follow, its resolver says
// why. resume, if not "", takes the position's place, and err says where it can't.
func (t *Streams) topic(ctx context.Context, op *graphql.OperationContext, resume string) (topic *Topic, key string, err error) {
	field, args, selection, ok := sharedField(op, t.config.Shared)
	if !ok {
		return nil, "", nil
	}
	resuming := resume != "" && field.Position != ""
	if resuming {
		args[field.Position] = resume
	}
	topic, err = field.Join(ctx, args)
	if err != nil {
		if !resuming {
			err = nil
		}
		return nil, "", err
	}
	return topic, topic.key + "\x00" + selection, nil
}
