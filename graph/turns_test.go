package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/bus"
	"chattok/db"
	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/internal/await"
	"chattok/internal/processors"
	"chattok/rates"
	"chattok/session"
)

// withPayer returns a context whose operations are charged to a client of its own.
func withPayer(ctx context.Context, limits rates.Limits) (context.Context, *rates.Payer) {
	payer := rates.New(limits).Payer("someone", netip.MustParseAddr("192.0.2.1"))
	return context.WithValue(ctx, identityKey{}, identity{payer: payer}), payer
}

// resolving is an executor of one mutation, which then does as the test says.
type resolving struct {
	graphql.GraphExecutor
	then func(ctx context.Context)
}

func (r resolving) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	return func(ctx context.Context) *graphql.Response {
		field := op.Operation.SelectionSet[0].(*ast.Field)
		inner := graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Mutation", Field: graphql.CollectedField{Field: field, Selections: field.SelectionSet}})
		_, _ = op.ResolverMiddleware(inner, func(context.Context) (any, error) { return nil, nil })
		r.then(ctx)
		return nil
	}, ctx
}

// The answer of a mutation that reads much gives its turn back where it waits for room.
func TestTurnOfAMutationEndsWhileItsAnswerWaits(t *testing.T) {
	ctx, payer := withPayer(t.Context(), rates.DefaultLimits())
	for range max(1, processors.Count()-1) - 1 { // all turns of the client but one
		if _, err := payer.Enter(ctx, rates.Executing); err != nil {
			t.Fatal(err)
		}
	}
	connections := &ast.Field{Name: "connections", ObjectDefinition: &ast.Definition{Name: "Session"}}
	op := &graphql.OperationContext{
		Operation:          &ast.OperationDefinition{Operation: ast.Mutation, SelectionSet: ast.SelectionSet{&ast.Field{Name: "markRead", SelectionSet: ast.SelectionSet{connections}}}},
		ResolverMiddleware: func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) },
	}
	responses, ctx := charged{GraphExecutor: resolving{then: func(ctx context.Context) {
		transport.EndTurn(ctx)
		ctx, cancel := context.WithTimeout(ctx, await.Patience)
		defer cancel()
		leave, err := payer.Enter(ctx, rates.Executing)
		if err != nil {
			t.Error("the turn is not given back: ", err)
			return
		}
		leave()
	}}}.DispatchOperation(ctx, op)
	responses(ctx)
}

// A frame of more than 16 KiB counts as many.
func TestPaceOfLargeFrames(t *testing.T) {
	limits := rates.DefaultLimits()
	limits.Rates[rates.Frames] = rates.Rate{PerSecond: 1, Burst: 8}
	ctx, _ := withPayer(t.Context(), limits)
	for _, c := range []struct {
		bytes  int
		pauses bool
	}{{0, false}, {frameBytes - 1, false}, {2*frameBytes - 1, false}, {3 * frameBytes, false}, {2 * frameBytes, false}, {0, true}} {
		if pause := (authenticator{}).pace(ctx, c.bytes); pause > 0 != c.pauses {
			t.Errorf("a frame of %d bytes: pauses for %v", c.bytes, pause)
		}
	}
}

// Before the caller is known, frames are charged to the address.
func TestPaceBeforeTheCallerIsKnown(t *testing.T) {
	limits := rates.DefaultLimits()
	limits.Rates[rates.Frames], limits.AddressTimes = rates.Rate{PerSecond: 1, Burst: 4 * strangerTimes}, 1
	a := authenticator{rates: rates.New(limits)}
	one := withAddress(t.Context(), netip.MustParseAddr("192.0.2.1"))
	for range 4 {
		if pause := a.pace(one, 0); pause > 0 {
			t.Fatal("pauses at once: ", pause)
		}
	}
	if a.pace(one, 0) == 0 {
		t.Error("it never pauses")
	}
	if pause := a.pace(withAddress(t.Context(), netip.MustParseAddr("192.0.2.2")), 0); pause > 0 {
		t.Error("another address pauses: ", pause)
	}
}

// A mutation whose answer has very many fields takes a turn, as one that reads what grows does; the adds of our own pages don't.
func TestMutationsThatReadMuch(t *testing.T) {
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	pages, err := os.ReadFile("../web/sdk/src/operations.graphql")
	if err != nil {
		t.Fatal(err)
	}
	chains := ""
	for i := range 10 {
		chains += fmt.Sprintf("a%d:%s ", i, strings.Repeat("replyTo{", 8)+"version"+strings.Repeat("}", 8))
	}
	deep := `mutation Deep{addChatEntry(body:"x"){` + chains + `}}`
	spread := `mutation Spread{addChatEntry(body:"x"){...F}} fragment F on ChatEntry{` + chains + `}`
	for text, want := range map[string]map[string]bool{
		string(pages): {"AddChatEntry": false, "EditChatEntry": false, "ReactToChatEntry": false},
		deep:          {"Deep": true}, spread: {"Spread": true},
		`mutation Listing{markRead(upTo:"0"){connections{id}}}`: {"Listing": true},
	} {
		doc, err := gqlparser.LoadQueryWithRules(schema, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range want {
			if got := readsMuch(doc.Operations.ForName(name).SelectionSet); got != want {
				t.Errorf("%s reads much: %v", name, got)
			}
		}
	}
}

// Callers over HTTP and WebSocket wait for the turns to write of their address.
func TestCallersHaveTurnsToWrite(t *testing.T) {
	store, err := db.Open(t.Context(), db.Config{Path: filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	a := authenticator{service: session.NewService(session.Config{Store: store, Bus: bus.New(), Open: true}), rates: rates.New(rates.DefaultLimits()),
		address: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }}
	var callers []session.Caller
	a.middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		callers = append(callers, callerOf(r.Context()))
		ctx, err := a.authenticate(r.Context(), "")
		if err != nil {
			t.Error(err)
			return
		}
		callers = append(callers, callerOf(ctx))
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	if len(callers) != 2 {
		t.Fatalf("%d callers", len(callers))
	}
	const turns = 64 // of an address: see rates
	other := a.rates.Payer("", netip.MustParseAddr("192.0.2.1"))
	for range turns {
		if err := other.BeginWrite(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i, c := range callers {
		for range 20 { // one that is free is given half of the time
			if err := c.Turns.BeginWrite(gone); err == nil {
				t.Fatalf("caller %d has a turn of its own", i)
			}
		}
	}
}
