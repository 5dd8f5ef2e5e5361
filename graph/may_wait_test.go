package graph

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/bus"
	"chattok/db"
	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/session"
)

// noStore is a Store that counts calls of Connections and panics in every other.
type noStore struct {
	session.Store
	calls atomic.Int64
}

func (s *noStore) Connections(context.Context, []string) (map[string]session.ConnectionState, error) {
	s.calls.Add(1)
	return nil, errors.New("the store was called")
}

// Each resolver below a shared field is called in a context where nothing may wait. It has to answer from memory or
// return MayWait's error: a resolver that called the store would hold up every subscriber of the node.
func TestResolversBelowSharedFieldsMayNotWait(t *testing.T) {
	opened, err := db.Open(t.Context(), db.Config{Path: filepath.Join(t.TempDir(), "test.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	store := &noStore{Store: opened}
	root := &Resolver{service: session.NewService(session.Config{Store: store, Bus: bus.New()})}
	store.Store = nil // the service has read what it needs to start
	ctx := subscribing(context.WithValue(transport.NoWait(t.Context()), loaderKey{}, newOperationLoaders(root.service)))
	refusal := transport.MayWait(ctx)
	below := typesBelowSharedFields(root)
	resolvers := reflect.TypeFor[generated.ResolverRoot]()
	called, refused := 0, 0
	for i := range resolvers.NumMethod() {
		of := resolvers.Method(i)
		if !below[of.Name] {
			continue
		}
		resolver := reflect.ValueOf(root).MethodByName(of.Name).Call(nil)[0]
		for j := range of.Type.Out(0).NumMethod() {
			field := of.Type.Out(0).Method(j).Name
			called++
			panicked, err := callResolver(ctx, resolver.MethodByName(field))
			if n := store.calls.Swap(0); n > 0 || panicked != nil {
				t.Errorf("%s.%s is below a shared field and calls the store (%d calls, %v) without asking transport.MayWait", of.Name, field, n, panicked)
			}
			if errors.Is(err, refusal) {
				refused++
			}
		}
	}
	const answered = 6 // idempotencyKey, slowMode, retention, muteForced, and a FeedEvent's cursor and event never wait
	if called == 0 || called-refused != answered {
		t.Errorf("%d resolvers were called, %d of them refused to wait", called, refused)
	}
}

// subscribing returns ctx as that of a resolver below a subscription of a connection with a user.
func subscribing(ctx context.Context) context.Context {
	user := "u"
	ctx = context.WithValue(ctx, identityKey{}, identity{caller: session.Caller{Kind: session.Member, SessionID: "x",
		Connection: &session.Connection{ID: "c", SessionID: "x", UserID: &user}}})
	ctx = graphql.WithOperationContext(ctx, &graphql.OperationContext{Operation: &ast.OperationDefinition{Operation: ast.Subscription}})
	selection := ast.SelectionSet{&ast.Field{Name: "body", Alias: "body"}}
	return graphql.WithFieldContext(ctx, &graphql.FieldContext{Field: graphql.CollectedField{Field: &ast.Field{}, Selections: selection}})
}

// callResolver calls a resolver with zero values, and where it takes an object, with one whose texts and numbers are set.
func callResolver(ctx context.Context, resolver reflect.Value) (panicked any, err error) {
	defer func() { panicked = recover() }()
	arguments := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < resolver.Type().NumIn(); i++ {
		argument := reflect.Zero(resolver.Type().In(i))
		if i == 1 && argument.Kind() == reflect.Pointer { // the object that the field is of
			argument = reflect.New(argument.Type().Elem())
			fill(argument.Elem())
		}
		arguments = append(arguments, argument)
	}
	err, _ = resolver.Call(arguments)[1].Interface().(error)
	return nil, err
}

// fill sets the texts and numbers of a struct, so that no resolver takes it for something that is not there.
func fill(object reflect.Value) {
	for i := range object.NumField() {
		switch field := object.Field(i); field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Int64:
			field.SetInt(1)
		case reflect.Uint64:
			field.SetUint(1)
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		case reflect.Struct:
			if field.Type().PkgPath() == object.Type().PkgPath() {
				fill(field)
			}
		case reflect.Pointer:
			if field.Type() == reflect.TypeFor[*session.ChatEntry]() {
				field.Set(reflect.New(field.Type().Elem()))
			}
		}
	}
}

// typesBelowSharedFields returns the types that a shared subscription field leads to.
func typesBelowSharedFields(root *Resolver) map[string]bool {
	schema := executed
	below := make(map[string]bool)
	var visit func(name string)
	visit = func(name string) {
		definition := schema.Types[name]
		if definition == nil || below[name] {
			return
		}
		below[name] = true
		for _, possible := range schema.PossibleTypes[name] {
			visit(possible.Name)
		}
		for _, field := range definition.Fields {
			visit(field.Type.Name())
		}
	}
	for field := range root.shared() {
		visit(schema.Subscription.Fields.ForName(field).Type.Name())
	}
	return below
}
