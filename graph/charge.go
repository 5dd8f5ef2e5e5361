package graph

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/rates"
	"chattok/session"
)

// charges says what each mutation is charged as, by its name: once as the first kind, and the bytes of its arguments as
// the second. Those that are not here are for the holder of the API secret, or do no more than a query does.
var charges = map[string][]rates.Kind{
	"addChatEntry":    {rates.Posts, rates.PostBytes},
	"sendSignal":      {rates.Signals, rates.MessageBytes},
	"negotiate":       {rates.Negotiations, rates.MessageBytes},
	"connect":         {rates.Connects},
	"publishStream":   {rates.RosterChanges},
	"updateStream":    {rates.RosterChanges},
	"unpublishStream": {rates.RosterChanges},
	"forceUnpublish":  {rates.RosterChanges},
	"forceMute":       {rates.RosterChanges},
	"forceDisconnect": {rates.RosterChanges},
}

const (
	// leastWork is the processor time that an operation counts at least, as much as it takes to read, answer and log one.
	leastWork = 100 * time.Microsecond
	// mostWork is what it counts at most, so that nobody pays for a store that does not answer.
	mostWork = 500 * time.Millisecond
	// refusalPause is for how long a refusal is held back at most, so that whoever sends on all the same is slowed down.
	refusalPause = 100 * time.Millisecond
)

// charging is a transport whose operations are charged to their callers.
type charging struct {
	graphql.Transport
	documents *transport.Documents
}

// Do implements graphql.Transport.
func (t charging) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.Transport.Do(w, r, charged{exec, t.documents})
}

// charged is an executor that charges operations to their callers, before they are executed and as a whole: one that is
// refused has done nothing. Mutations and subscriptions are charged by number and bytes; documents that have to be read,
// and queries, by the time they take, one after the other, so that a debt is known before the next begins.
type charged struct {
	graphql.GraphExecutor
	documents *transport.Documents
}

// PresentRecoveredError hands on what transports ask of an executor beside its interface.
func (c charged) PresentRecoveredError(ctx context.Context, cause any) error {
	presenter, ok := c.GraphExecutor.(interface {
		PresentRecoveredError(ctx context.Context, cause any) error
	})
	if !ok {
		return &session.Error{Code: session.CodeInternal, Message: "internal error"}
	}
	return presenter.PresentRecoveredError(ctx, cause)
}

// CreateOperationContext implements graphql.GraphExecutor.
func (c charged) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	payer := payerOf(ctx)
	if payer == nil {
		return c.GraphExecutor.CreateOperationContext(ctx, params)
	}
	op, errs := c.read(ctx, payer, params)
	if len(errs) > 0 {
		return op, errs
	}
	if err := c.charge(payer, op); err != nil {
		return op, refuse(ctx, err)
	}
	return op, nil
}

// read reads the operation's document. One that is not known has to be parsed and validated, which takes a turn.
func (c charged) read(ctx context.Context, payer *rates.Caller, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	if _, known := c.documents.Get(ctx, params.Query); known {
		op, errs := c.GraphExecutor.CreateOperationContext(ctx, params)
		if len(errs) > 0 {
			payer.Spend(rates.Processor, int(leastWork.Microseconds()))
		}
		return op, errs
	}
	if wait := payer.Owes(rates.Processor); wait > 0 {
		return &graphql.OperationContext{}, refuse(ctx, limited(rates.Processor, wait))
	}
	leave, err := payer.Enter(ctx, rates.Reading)
	if err != nil {
		return &graphql.OperationContext{}, gqlerror.List{present(ctx, err)}
	}
	defer leave()
	defer spend(payer, time.Now())
	return c.GraphExecutor.CreateOperationContext(ctx, params)
}

// charge charges what an operation asks for.
func (c charged) charge(payer *rates.Caller, op *graphql.OperationContext) error {
	if op.Operation.Operation == ast.Query {
		if wait := payer.Owes(rates.Processor); wait > 0 {
			return limited(rates.Processor, wait)
		}
		return nil
	}
	var room [4]rates.Charge
	due := room[:0]
	if op.Operation.Operation == ast.Subscription {
		due = append(due, rates.Charge{Kind: rates.Subscriptions, Amount: 1})
	} else {
		due = appendCharges(due, op.Operation.SelectionSet, op.Variables)
	}
	if kind, wait := payer.Take(due); wait > 0 {
		return limited(kind, wait)
	}
	return nil
}

// appendCharges adds what the fields of a mutation's selection are charged.
func appendCharges(due []rates.Charge, set ast.SelectionSet, variables map[string]any) []rates.Charge {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			kinds := charges[selection.Name]
			if len(kinds) > 0 {
				due = add(due, kinds[0], 1)
			}
			if len(kinds) > 1 {
				bytes := 0
				for _, argument := range selection.Arguments {
					bytes += bytesOf(argument.Value, variables)
				}
				due = add(due, kinds[1], bytes)
			}
		case *ast.InlineFragment:
			due = appendCharges(due, selection.SelectionSet, variables)
		case *ast.FragmentSpread:
			if selection.Definition != nil {
				due = appendCharges(due, selection.Definition.SelectionSet, variables)
			}
		}
	}
	return due
}

// add adds to the charge of a kind.
func add(due []rates.Charge, kind rates.Kind, amount int) []rates.Charge {
	for i := range due {
		if due[i].Kind == kind {
			due[i].Amount += amount
			return due
		}
	}
	return append(due, rates.Charge{Kind: kind, Amount: amount})
}

// bytesOf is how much text an argument has.
func bytesOf(value *ast.Value, variables map[string]any) (n int) {
	if value == nil {
		return 0
	}
	if value.Kind == ast.Variable {
		return bytesIn(variables[value.Raw])
	}
	for _, child := range value.Children {
		n += bytesOf(child.Value, variables)
	}
	return n + len(value.Raw)
}

// bytesIn is how much text a variable has.
func bytesIn(value any) (n int) {
	switch value := value.(type) {
	case string:
		return len(value)
	case []any:
		for _, item := range value {
			n += bytesIn(item)
		}
	case map[string]any:
		for _, item := range value {
			n += bytesIn(item)
		}
	}
	return n
}

// DispatchOperation implements graphql.GraphExecutor. The caller's turn is taken for each response of a query, and its
// time is charged when it is known; what mutations and subscriptions wait for is not their callers' doing.
func (c charged) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	responses, inner := c.GraphExecutor.DispatchOperation(ctx, op)
	payer := payerOf(ctx)
	if payer == nil || op.Operation.Operation != ast.Query {
		return responses, inner
	}
	work := rates.Executing
	if introspects(op.Operation.SelectionSet) {
		work = rates.Reading
	}
	return func(ctx context.Context) *graphql.Response {
		leave, err := payer.Enter(ctx, work)
		if err != nil {
			return nil // given up
		}
		defer leave()
		defer spend(payer, time.Now())
		return responses(ctx)
	}, inner
}

// introspects says whether something that is selected is the schema's.
func introspects(set ast.SelectionSet) bool {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Name == "__schema" || selection.Name == "__type" {
				return true
			}
		case *ast.InlineFragment:
			if introspects(selection.SelectionSet) {
				return true
			}
		case *ast.FragmentSpread:
			if selection.Definition != nil && introspects(selection.Definition.SelectionSet) {
				return true
			}
		}
	}
	return false
}

// decode takes a turn for a large body to be decoded, whose time is charged.
func decode(ctx context.Context) (done func(), err error) {
	payer := payerOf(ctx)
	leave, err := payer.Enter(ctx, rates.Reading)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	return func() {
		spend(payer, begun)
		leave()
	}, nil
}

// spend charges the processor time since begun.
func spend(payer *rates.Caller, begun time.Time) {
	payer.Spend(rates.Processor, int(min(max(time.Since(begun), leastWork), mostWork).Microseconds()))
}

// refuse holds a refusal back for a moment, and returns it as its client sees it.
func refuse(ctx context.Context, err error) gqlerror.List {
	limit, ok := err.(*session.Error)
	if ok {
		pause := time.NewTimer(min(limit.RetryAfter, refusalPause))
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return gqlerror.List{present(ctx, err)}
}

// limited is the error for a caller that asks for more than there is.
func limited(kind rates.Kind, wait time.Duration) error {
	err := session.Errorf(session.CodeRateLimited, "too many %s; try again in %s", kind, wait.Round(time.Millisecond))
	if kind == rates.Processor {
		err = session.Errorf(session.CodeRateLimited, "your operations take too much of the processor's time; try again in %s", wait.Round(time.Millisecond))
	}
	return err.WithRetryAfter(wait)
}

type addressKey struct{}

// withAddress puts the address that a request comes from into ctx.
func withAddress(ctx context.Context, address netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// addressOf returns the address that ctx's operation comes from; the zero Addr where it is not known.
func addressOf(ctx context.Context) netip.Addr {
	address, _ := ctx.Value(addressKey{}).(netip.Addr)
	return address
}

// payerOf returns whom an operation is charged to; nil where to nobody.
func payerOf(ctx context.Context) *rates.Caller {
	who, _ := ctx.Value(identityKey{}).(identity)
	return who.payer
}

// payer returns whom a caller's operations are charged to: never the API secret's.
func (a authenticator) payer(ctx context.Context, c session.Caller) *rates.Caller {
	switch {
	case a.rates == nil || c.Kind == session.Operator:
		return nil
	case c.Kind == session.Member:
		return a.rates.Caller(c.Connection.ID, addressOf(ctx))
	}
	return a.rates.Caller("", addressOf(ctx))
}

// pace charges a frame of a WebSocket, and returns for how long the next is to be left unread.
func pace(ctx context.Context) time.Duration { return payerOf(ctx).Spend(rates.Frames, 1) }
