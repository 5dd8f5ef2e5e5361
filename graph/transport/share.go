package transport

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Shared describes a subscription field whose events are executed once for all readers with the same selection. The
// execution has no caller: a resolver's result must depend on the event and the selection alone, and a resolver that
// asks for the caller is told nobody. Join decides for each reader whether it may follow and which events it sees.
type Shared struct {
	// Position names the argument that says where to begin, if there is one. It is not part of the selection.
	Position string
	// Personal names the fields, of any type, whose value depends on the connection that calls. Where a subscription
	// selects one, its events are executed for that connection alone, with it as the caller.
	Personal []string
	// Join returns the caller's right to follow. Where it fails, the operation runs by itself, and its resolver returns
	// the error.
	Join func(ctx context.Context, args map[string]any) (Topic, error)
	// Later returns the type of an event that the field's union did not have at first, and "" for every other event. Such an
	// event goes only to subscriptions with a fragment on its type, which none has that was written before. With a dot and a
	// field after the type, the fragment must select that field, too. Nil: the field has no such events.
	Later func(event any) string
	// Gap returns the error with which an event ends a subscription that has no fragment on GapType, since such a reader would not
	// notice that events are missing; nil for every other event. Nil: the field has no such events.
	Gap     func(event any) error
	GapType string // "" where no fragment helps
}

// sharedSelection is a shared field as a subscription selects it.
type sharedSelection struct {
	Shared
	args     map[string]any
	spelling string // the same wherever the answers are the same
	personal bool   // the answers depend on the caller
	within   []*selected
}

// sharedField returns the root field of a subscription that can be shared; ok is false for every other operation.
func sharedField(op *graphql.OperationContext, shared map[string]Shared) (s sharedSelection, ok bool) {
	o := op.Operation
	if o.Operation != ast.Subscription || len(o.Directives) > 0 {
		return s, false
	}
	c := collector{op: op}
	top := c.collect(nil, o.SelectionSet, "Subscription")
	if len(top) != 1 || top[0].name == "" || c.other {
		return s, false
	}
	field, ok := shared[top[0].name]
	if !ok {
		return s, false
	}
	s = sharedSelection{Shared: field, args: top[0].field.ArgumentMap(op.Variables), within: top[0].within}
	selecting := maps.Clone(s.args)
	delete(selecting, s.Position)
	var b strings.Builder
	b.WriteString(top[0].alias)
	if !appendArguments(&b, selecting) || len(s.within) > 0 && !appendSelected(&b, s.within, op.Variables) {
		return s, false
	}
	s.spelling, s.personal = b.String(), selects(s.within, s.Personal)
	return s, true
}

// Sees returns which events of a field with later ones are for the subscription that ctx's resolver answers; nil where all are.
func Sees(ctx context.Context, later func(event any) string) func(event any) bool {
	field := graphql.GetFieldContext(ctx).Field
	c := collector{op: graphql.GetOperationContext(ctx)}
	return sees(c.collect(nil, field.Selections, field.Definition.Type.Name()), later)
}

// sees is Sees for a selection.
func sees(within []*selected, later func(event any) string) func(event any) bool {
	if later == nil {
		return nil
	}
	return func(event any) bool {
		kind, field, _ := strings.Cut(later(event), ".")
		return kind == "" || slices.ContainsFunc(within, func(s *selected) bool {
			return s.name == "" && s.on == kind && (field == "" || selects(s.within, []string{field}))
		})
	}
}

// hasFragment says whether a selection has a fragment on a type.
func hasFragment(within []*selected, on string) bool {
	return slices.ContainsFunc(within, func(s *selected) bool { return s.name == "" && s.on == on })
}

// HasFragment says whether the subscription field that ctx's resolver answers has a fragment on a type.
func HasFragment(ctx context.Context, on string) bool {
	field := graphql.GetFieldContext(ctx).Field
	c := collector{op: graphql.GetOperationContext(ctx)}
	return hasFragment(c.collect(nil, field.Selections, field.Definition.Type.Name()), on)
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

// selectedTopic is a Topic without the events that a selection leaves out.
type selectedTopic struct {
	Topic
	sees func(event any) bool
}

func (t selectedTopic) filter() func(event any) bool {
	mine := t.Topic.filter()
	if mine == nil {
		return t.sees
	}
	return func(event any) bool { return mine(event) && t.sees(event) }
}

// gappedTopic is a Topic for a selection by which a reader would not notice that events are missing.
type gappedTopic struct {
	Topic
	missing func(event any) error
}

func (t gappedTopic) gap(event any) error { return t.missing(event) }

// place says to which group a subscription belongs.
type place struct {
	topic    Topic           // nil where the events can't be shared, and the operation runs by itself
	key      string          // of the group: the source and the selection
	caller   string          // whose subscriptions it counts to; "" for nobody's
	client   netip.Prefix    // the address that it counts to; not valid where it counts to none
	spelling string          // of what is selected
	as       context.Context // of the caller, where events are executed for its connection alone; else nil
}

// place opens the source of a subscription whose events can be shared, and says which group it belongs to. Where the
// caller may not follow, the operation runs by itself, and its resolver returns the error. resume, if it is not "",
// replaces the position; only then Join's error is returned.
func (t *Streams) place(ctx context.Context, op *graphql.OperationContext, client netip.Prefix, resume string) (p place, err error) {
	field, ok := sharedField(op, t.config.Shared)
	if !ok {
		return p, nil
	}
	resuming := resume != "" && field.Position != ""
	if resuming {
		field.args[field.Position] = resume
	}
	topic, err := field.Join(ctx, field.args)
	if err != nil {
		if !resuming {
			err = nil
		}
		return p, err
	}
	if sees := sees(field.within, field.Later); sees != nil {
		topic = selectedTopic{topic, sees}
	}
	if field.Gap != nil && (field.GapType == "" || !hasFragment(field.within, field.GapType)) {
		topic = gappedTopic{topic, field.Gap}
	}
	if t.config.Uncounted != nil && t.config.Uncounted(ctx) {
		client = netip.Prefix{}
	}
	p = place{topic: topic, key: topic.key() + "\x00" + field.spelling, caller: t.caller(ctx, client), client: client, spelling: field.spelling}
	if field.personal {
		p.as = context.WithoutCancel(ctx)
		p.key += "\x00" + t.connection(ctx)
	}
	return p, nil
}

// connection names the connection of ctx's caller; "" where the caller has none.
func (t *Streams) connection(ctx context.Context) string {
	if t.config.Connection == nil {
		return ""
	}
	return t.config.Connection(ctx)
}

// caller names the caller that a subscription is counted to; "" for nobody.
func (t *Streams) caller(ctx context.Context, client netip.Prefix) string {
	if t.config.Uncounted != nil && t.config.Uncounted(ctx) {
		return ""
	}
	if id := t.connection(ctx); id != "" {
		return "connection " + id
	}
	if client.IsValid() {
		return client.String()
	}
	return ""
}
