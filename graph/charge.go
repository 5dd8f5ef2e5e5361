package graph

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/graph/transport/document"
	"chattok/rates"
	"chattok/session"
)

// charges are the rates that each mutation is charged to: the first kind counts the mutation, the second the bytes of
// its arguments. Mutations that are missing here are for the holder of the API secret, or cost no more than a query.
var charges = map[string][]rates.Kind{
	"addChatEntry":     {rates.Posts, rates.PostBytes},
	"editChatEntry":    {rates.Posts, rates.PostBytes},
	"deleteChatEntry":  {rates.Posts},
	"reactToChatEntry": {rates.Posts, rates.PostBytes}, // and the entry's text, which goes to everybody again: see ReactToChatEntry
	"markRead":         {rates.Posts},
	"sendSignal":       {rates.Signals, rates.MessageBytes},
	"negotiate":        {rates.Negotiations, rates.MessageBytes},
	"connect":          {rates.Connects},
	"publishStream":    {rates.RosterChanges},
	"updateStream":     {rates.RosterChanges},
	"setData":          {rates.RosterChanges, rates.PostBytes},
	"unpublishStream":  {rates.RosterChanges},
	"forceUnpublish":   {rates.RosterChanges},
	"forceMute":        {rates.RosterChanges},
	"disableForceMute": {rates.RosterChanges},
	"forceDisconnect":  {rates.RosterChanges},
	"banConnection":    {rates.RosterChanges},
	"unban":            {rates.RosterChanges},
	"updateSession":    {rates.RosterChanges},
	"setRole":          {rates.RosterChanges},
}

const (
	// leastWork is the processor time that an operation is charged at least: about the time to read, answer and log
	// one.
	leastWork = 100 * time.Microsecond
	// mostWork is the time that it is charged at most, so that no caller pays for a store that does not answer.
	mostWork = 500 * time.Millisecond
	// refusalPause is how long a refusal is delayed at most, to slow down a client that does not heed it.
	refusalPause = 100 * time.Millisecond
)

// charging is a transport whose operations are charged to their callers.
type charging struct {
	graphql.Transport
	documents *document.Cache
}

// Do implements graphql.Transport.
func (t charging) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.Transport.Do(w, r, charged{exec, t.documents})
}

// charged is an executor that charges operations to their callers as a whole, before they are executed: an operation
// that is refused has done nothing. Mutations and subscriptions are charged by number and bytes. Queries, and documents
// that have to be parsed, are charged by the time they take, one after the other, so that a debt is known before the
// next one begins.
type charged struct {
	graphql.GraphExecutor
	documents *document.Cache
}

// PresentRecoveredError passes on a method that transports ask of an executor beside its interface.
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

// read reads the operation's document. A document that is not in the cache has to be parsed and validated, which takes
// a turn.
func (c charged) read(ctx context.Context, payer *rates.Payer, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
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

// charge takes the charges of an operation.
func (c charged) charge(payer *rates.Payer, op *graphql.OperationContext) error {
	if op.Operation.Operation == ast.Query {
		if wait := payer.Owes(rates.Processor); wait > 0 {
			return limited(rates.Processor, wait)
		}
		return nil
	}
	if op.Operation.Operation == ast.Mutation && readsMuch(op.Operation.SelectionSet) {
		if wait := payer.Owes(rates.Processor); wait > 0 {
			return limited(rates.Processor, wait)
		}
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

// appendCharges adds the charges of the fields in a mutation's selection.
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

// bytesOf returns the bytes of text in an argument.
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

// bytesIn returns the bytes of text in a variable.
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

// DispatchOperation implements graphql.GraphExecutor. Each response of a query takes a turn of its caller and is
// charged by its time. The time of mutations and subscriptions is not charged, since they wait for things that their
// callers do not cause; but where a mutation's answer reads much beside the change, that is charged as a query is.
func (c charged) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	payer := payerOf(ctx)
	if payer != nil && op.Operation.Operation == ast.Mutation && readsMuch(op.Operation.SelectionSet) {
		return c.dispatchReading(ctx, op, payer)
	}
	responses, inner := c.GraphExecutor.DispatchOperation(ctx, op)
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
			return nil // the client has gone
		}
		leave = sync.OnceFunc(leave)
		defer leave()
		defer spend(payer, time.Now())
		return responses(transport.WithTurn(ctx, leave))
	}, inner
}

// dispatchReading dispatches a mutation whose answer reads much: from the end of each change to the next one, or to the end of the
// response, it takes a turn of its caller and is charged by its time.
func (c charged) dispatchReading(ctx context.Context, op *graphql.OperationContext, payer *rates.Payer) (graphql.ResponseHandler, context.Context) {
	end := func() {} // of the turn; the changes of a mutation are made one after the other
	resolve := op.ResolverMiddleware
	op.ResolverMiddleware = func(ctx context.Context, next graphql.Resolver) (any, error) {
		field := graphql.GetFieldContext(ctx)
		if field.Object != "Mutation" {
			return resolve(ctx, next)
		}
		end()
		end = func() {}
		v, err := resolve(ctx, next)
		if err != nil || !readsMuch(field.Field.Selections) {
			return v, err
		}
		if leave, err := payer.Enter(ctx, rates.Executing); err == nil { // else the client has gone, and nothing more is read
			begun := time.Now()
			end = func() {
				spend(payer, begun)
				leave()
			}
		}
		return v, err
	}
	responses, inner := c.GraphExecutor.DispatchOperation(ctx, op)
	return func(ctx context.Context) *graphql.Response {
		endNow := func() {
			end()
			end = func() {}
		}
		defer endNow()
		return responses(transport.WithTurn(ctx, endNow))
	}, inner
}

// costlyReads are the fields whose time grows with the log or the roster, where a mutation's answer has them.
var costlyReads = []string{"Reaction.users", "Session.connections", "Session.lastEntry", "Session.readCursor", "Session.streams", "Session.unread"}

// plainFields is how many fields of a mutation's answer are plain: more than our own pages select of an entry that they add. Each takes
// about a kilobyte until it is written, of all the adds that one commit stores.
const plainFields = 32

// readsMuch says whether a selection of a mutation has one of costlyReads, or more than plainFields.
func readsMuch(set ast.SelectionSet) bool {
	left := plainFields
	return costly(set, &left)
}

func costly(set ast.SelectionSet, left *int) bool {
	return slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch selection := selection.(type) {
		case *ast.Field:
			if *left--; *left < 0 {
				return true
			}
			of := selection.ObjectDefinition
			return of != nil && slices.Contains(costlyReads, of.Name+"."+selection.Name) || costly(selection.SelectionSet, left)
		case *ast.InlineFragment:
			return costly(selection.SelectionSet, left)
		case *ast.FragmentSpread:
			return selection.Definition != nil && costly(selection.Definition.SelectionSet, left)
		}
		return false
	})
}

// introspects says whether a selection has a field of the introspection.
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

// decode takes a turn for decoding a large body, and charges the time.
func (a authenticator) decode(ctx context.Context) (done func(), err error) {
	payer := a.payerNow(ctx)
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

// parse takes a turn for parsing a small message. It is charged to nobody: Frames bounds how many there are.
func (a authenticator) parse(ctx context.Context) (done func(), err error) {
	return a.payerNow(ctx).Parse(ctx)
}

// render takes a turn for rendering events for one reader, such as one that begins at an old cursor. It is charged to nobody: the events
// are everybody's.
func render(ctx context.Context) (done func(), err error) {
	return payerOf(ctx).Enter(ctx, rates.Executing)
}

// spend charges the processor time since begun.
func spend(payer *rates.Payer, begun time.Time) {
	payer.Spend(rates.Processor, int(min(max(time.Since(begun), leastWork), mostWork).Microseconds()))
}

// refuse delays a refusal for a moment and returns it as the client sees it.
func refuse(ctx context.Context, err error) gqlerror.List {
	limit, ok := err.(*session.Error)
	if ok {
		pause := time.NewTimer(max(min(limit.RetryAfter, refusalPause), payerOf(ctx).Refused()))
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return gqlerror.List{present(ctx, err)}
}

// limited is the error for a caller above a rate.
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

// payerOf returns the account that an operation is charged to; nil where it is charged to none.
func payerOf(ctx context.Context) *rates.Payer {
	who, _ := ctx.Value(identityKey{}).(identity)
	return who.payer
}

// payerNow is payerOf, and the client's address where the caller is not known yet, as on a socket before its connection_init.
func (a authenticator) payerNow(ctx context.Context) *rates.Payer {
	if _, known := ctx.Value(identityKey{}).(identity); known || a.rates == nil {
		return payerOf(ctx)
	}
	return a.rates.Payer("", addressOf(ctx))
}

// payer returns the account that a caller's operations are charged to; the holder of the API secret has none.
func (a authenticator) payer(ctx context.Context, c session.Caller) *rates.Payer {
	switch {
	case a.rates == nil || c.Kind == session.Operator:
		return nil
	case c.Kind == session.Member:
		return a.rates.Payer(c.Connection.ID, addressOf(ctx))
	}
	return a.rates.Payer("", addressOf(ctx))
}

// frameBytes is how many bytes of a frame count as one frame.
const frameBytes = 16 << 10

// strangerTimes is how many times as much a frame counts before the connection_init, of which a client sends one.
const strangerTimes = 20

// pace charges a frame of a WebSocket and returns for how long the next one is to be left unread.
func (a authenticator) pace(ctx context.Context, bytes int) time.Duration {
	n := max(1, bytes/frameBytes)
	if _, known := ctx.Value(identityKey{}).(identity); !known {
		n *= strangerTimes
	}
	return a.payerNow(ctx).Spend(rates.Frames, n)
}
