package transport

import (
	"context"
	"encoding/json"
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
	// Personal names the fields, of whatever type, that depend on who calls: a subscription that selects one is not shared.
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

// sharedField returns the one root field of a subscription where it can be shared, with its arguments; ok is false for
// every other operation. The field may stand in fragments, and be left by @skip and @include: the variables of those are
// a part of the group's key.
func sharedField(op *graphql.OperationContext, shared map[string]Shared) (s Shared, field *ast.Field, args map[string]any, ok bool) {
	if op.Operation.Operation != ast.Subscription {
		return s, nil, nil, false
	}
	fields := rootFields(op)
	if len(fields) != 1 {
		return s, nil, nil, false
	}
	field = fields[0].Field
	if s, ok = shared[field.Name]; !ok || selects(fields[0].Selections, s.Personal, make(map[string]bool)) {
		return s, nil, nil, false
	}
	return s, field, field.ArgumentMap(op.Variables), true
}

// selects says whether a selection has one of these fields anywhere. seen has the fragments that were looked into, so that
// each is once.
func selects(set ast.SelectionSet, fields []string, seen map[string]bool) bool {
	if len(fields) == 0 {
		return false
	}
	for _, selection := range set {
		switch selected := selection.(type) {
		case *ast.Field:
			if slices.Contains(fields, selected.Name) || selects(selected.SelectionSet, fields, seen) {
				return true
			}
		case *ast.InlineFragment:
			if selects(selected.SelectionSet, fields, seen) {
				return true
			}
		case *ast.FragmentSpread:
			if seen[selected.Name] {
				continue
			}
			seen[selected.Name] = true
			if selects(selected.Definition.SelectionSet, fields, seen) {
				return true
			}
		}
	}
	return false
}

// topic opens the source that a subscription follows, and names its group, where its events can be shared. Else it
// returns nil, and the operation runs alone; where the caller may not follow, its resolver says why. resume, if not "",
// takes the position's place, and err says where it can't.
func (t *Streams) topic(ctx context.Context, op *graphql.OperationContext, resume string) (topic *Topic, key string, err error) {
	shared, field, args, ok := sharedField(op, t.config.Shared)
	if !ok {
		return nil, "", nil
	}
	resuming := resume != "" && shared.Position != ""
	if resuming {
		args[shared.Position] = resume
	}
	topic, err = shared.Join(ctx, args)
	if err != nil {
		if !resuming {
			err = nil
		}
		return nil, "", err
	}
	if key = groupKey(topic, op, field.Arguments.ForName(shared.Position)); key == "" {
		topic.close()
		return nil, "", nil
	}
	return topic, key, nil
}

// groupKey names what a subscription selects of whose events: the source, which stands for who may see it, the
// document, the operation, and the variables, save one that is used for the position alone. "" is for variables that have
// no JSON.
func groupKey(t *Topic, op *graphql.OperationContext, position *ast.Argument) string {
	variables := op.Variables
	if name := positionVariable(op, position); name != "" {
		variables = make(map[string]any, len(op.Variables))
		for k, v := range op.Variables {
			if k != name {
				variables[k] = v
			}
		}
	}
	encoded, err := json.Marshal(variables) // sorts the names
	if err != nil {
		return ""
	}
	return strings.Join([]string{t.key, op.OperationName, string(encoded), op.RawQuery}, "\x00")
}

// positionVariable returns the variable that is used for the position and nowhere else, or "".
func positionVariable(op *graphql.OperationContext, position *ast.Argument) string {
	if position == nil || position.Value == nil || position.Value.Kind != ast.Variable {
		return ""
	}
	name := position.Value.Raw
	uses := 0
	for rest := op.RawQuery; ; {
		_, after, found := strings.Cut(rest, "$"+name)
		if !found {
			break
		}
		if after == "" || !isNameByte(after[0]) {
			uses++
		}
		rest = after
	}
	if uses != 2 { // its definition, and the position
		return ""
	}
	return name
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
