package transport

import (
	"context"
	"maps"
	"net/netip"
	"slices"
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
	// Personal names the fields, of whatever type, that depend on which connection calls: the events of a subscription that
	// selects one are executed for that connection, as whom they are asked for.
	Personal []string
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
// selected, spelt the same wherever the answers are the same; ok is false for every other operation. personal says that
// the answers depend on who calls.
func sharedField(op *graphql.OperationContext, shared map[string]Shared) (s Shared, args map[string]any, selection string, personal, ok bool) {
	o := op.Operation
	if o.Operation != ast.Subscription || len(o.Directives) > 0 {
		return s, nil, "", false, false
	}
	c := collector{op: op}
	top := c.collect(nil, o.SelectionSet, "Subscription")
	if len(top) != 1 || top[0].name == "" || c.other {
		return s, nil, "", false, false
	}
	if s, ok = shared[top[0].name]; !ok {
		return s, nil, "", false, false
	}
	args = top[0].field.ArgumentMap(op.Variables)
	selecting := maps.Clone(args)
	delete(selecting, s.Position)
	var b strings.Builder
	b.WriteString(top[0].alias)
	if !appendArguments(&b, selecting) || len(top[0].within) > 0 && !appendSelected(&b, top[0].within, op.Variables) {
		return s, nil, "", false, false
	}
	return s, args, b.String(), selects(top[0].within, s.Personal), true
}

// selects says whether one of these fields is selected anywhere.
func selects(set []*selected, fields []string) bool {
	for _, s := range set {
		if slices.Contains(fields, s.name) || selects(s.within, fields) {
			return true
		}
	}
	return false
}

// place is where a subscription belongs whose events can be shared.
type place struct {
	topic  *Topic          // nil where they can't be, and the operation runs alone
	key    string          // of the group: what is selected of whose events
	caller string          // who is counted; "" for nobody
	as     context.Context // of the caller where the events are for its connection alone; else nil
}

// place opens the source that a subscription follows, and says in which group, where its events can be shared. Where the
// caller may not follow, the operation runs alone, and its resolver says why. resume, if not "", takes the position's
// place, and err says where it can't.
func (t *Streams) place(ctx context.Context, op *graphql.OperationContext, client netip.Prefix, resume string) (p place, err error) {
	field, args, selection, personal, ok := sharedField(op, t.config.Shared)
	if !ok {
		return p, nil
	}
	resuming := resume != "" && field.Position != ""
	if resuming {
		args[field.Position] = resume
	}
	topic, err := field.Join(ctx, args)
	if err != nil {
		if !resuming {
			err = nil
		}
		return p, err
	}
	p = place{topic: topic, key: topic.key + "\x00" + selection, caller: t.caller(ctx, client)}
	if personal {
		p.as = context.WithoutCancel(ctx)
		p.key += "\x00" + t.connection(ctx)
	}
	return p, nil
}

// connection names the connection of ctx's caller; "" where it has none.
func (t *Streams) connection(ctx context.Context) string {
	if t.config.Connection == nil {
		return ""
	}
	return t.config.Connection(ctx)
}
