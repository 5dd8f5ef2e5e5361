package graph

import (
	"bytes"
	"context"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/graph/generated"
	"chattok/graph/scalar"
	"chattok/session"
)

// plainAdds is an executable schema that executes plain adds by itself, and has the generated one execute everything else.
//
// A busy server does little else than add, and of what an add costs the processors a tenth is the general way to a few
// fields of one object: contexts, maps and closures for each. A plain add is a mutation of addChatEntry alone, whose
// arguments are strings and whose selection is fields of the entry that need no resolver, without directives and
// fragments. Its document is parsed, validated and limited as every other; its errors go the same way.
type plainAdds struct {
	graphql.ExecutableSchema
	resolver generated.MutationResolver
}

// Exec implements graphql.ExecutableSchema.
func (p plainAdds) Exec(ctx context.Context) graphql.ResponseHandler {
	add, ok := plainAddOf(graphql.GetOperationContext(ctx))
	if !ok {
		return p.ExecutableSchema.Exec(ctx)
	}
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		return &graphql.Response{Data: add.execute(ctx, p.resolver)}
	}
}

// maxPlainFields bounds the selection of a plain add.
const maxPlainFields = 8

// plainAdd is a plain add with its arguments.
type plainAdd struct {
	op                 *graphql.OperationContext
	field              *ast.Field
	connectionID, body string
	key                *string
}

// plainAddOf returns the operation as a plain add, if it is one.
func plainAddOf(op *graphql.OperationContext) (add plainAdd, ok bool) {
	if op.Operation.Operation != ast.Mutation || len(op.Operation.SelectionSet) != 1 {
		return add, false
	}
	field, ok := op.Operation.SelectionSet[0].(*ast.Field)
	if !ok || field.Name != "addChatEntry" || len(field.Directives) > 0 || !plainSelection(field.SelectionSet) {
		return add, false
	}
	add = plainAdd{op: op, field: field}
	for _, argument := range field.Arguments {
		text, ok := plainText(argument.Value, op.Variables)
		switch {
		case !ok:
			return add, false
		case argument.Name == "idempotencyKey":
			add.key = text
		case text == nil:
			return add, false
		case argument.Name == "connectionId":
			add.connectionID = *text
		case argument.Name == "body":
			add.body = *text
		default:
			return add, false
		}
	}
	return add, true
}

// plainSelection says whether all that is selected are different fields that need no resolver.
func plainSelection(set ast.SelectionSet) bool {
	if len(set) > maxPlainFields {
		return false
	}
	for i, selection := range set {
		field, ok := selection.(*ast.Field)
		if !ok || len(field.Directives) > 0 {
			return false
		}
		switch field.Name {
		case "id", "seq", "cursor", "connectionId", "body", "createdAt", "__typename":
		default:
			return false
		}
		for _, other := range set[:i] {
			if other.(*ast.Field).Alias == field.Alias {
				return false
			}
		}
	}
	return true
}

// plainText returns an argument that is a string, or null as nil.
func plainText(value *ast.Value, variables map[string]any) (text *string, ok bool) {
	switch value.Kind {
	case ast.Variable, ast.StringValue, ast.BlockValue, ast.NullValue:
	default:
		return nil, false
	}
	v, err := value.Value(variables)
	if v == nil {
		return nil, err == nil
	}
	s, ok := v.(string)
	return &s, ok
}

var null = []byte("null")

// execute returns the response's data; errors are added to the response in ctx.
func (a plainAdd) execute(ctx context.Context, resolver generated.MutationResolver) (data []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			ctx = a.fieldContext(ctx)
			a.op.Error(ctx, a.op.Recover(ctx, cause))
			data = null
		}
	}()
	entry, err := resolver.AddChatEntry(ctx, a.connectionID, a.body, a.key)
	if err != nil {
		ctx = a.fieldContext(ctx)
		a.op.Error(ctx, graphql.AddFieldLocationToError(ctx, err))
		return null
	}
	return a.marshal(entry)
}

// fieldContext is what the error presenter expects around an error of the field.
func (a plainAdd) fieldContext(ctx context.Context) context.Context {
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Mutation"})
	return graphql.WithFieldContext(ctx, &graphql.FieldContext{
		Object:     "Mutation",
		Field:      graphql.CollectedField{Field: a.field, Selections: a.field.SelectionSet},
		Args:       map[string]any{"connectionId": a.connectionID, "body": a.body, "idempotencyKey": a.key},
		IsMethod:   true,
		IsResolver: true,
	})
}

// marshal writes the entry's fields as the generated code does, by the same scalars.
func (a plainAdd) marshal(e *session.ChatEntry) []byte {
	var b bytes.Buffer
	b.Grow(128)
	b.WriteString(`{"`)
	b.WriteString(a.field.Alias) // a name, so there is nothing to escape
	b.WriteString(`":{`)
	for i, selection := range a.field.SelectionSet {
		field := selection.(*ast.Field)
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(field.Alias)
		b.WriteString(`":`)
		switch field.Name {
		case "id":
			graphql.MarshalID(e.ID()).MarshalGQL(&b)
		case "seq":
			b.Write(strconv.AppendInt(b.AvailableBuffer(), e.Seq, 10))
		case "cursor":
			scalar.MarshalString(e.Cursor()).MarshalGQL(&b)
		case "connectionId":
			graphql.MarshalID(e.ConnectionID).MarshalGQL(&b)
		case "body":
			scalar.MarshalString(e.Body).MarshalGQL(&b)
		case "createdAt":
			scalar.MarshalTime(e.CreatedAt).MarshalGQL(&b)
		case "__typename":
			b.WriteString(`"ChatEntry"`)
		}
	}
	b.WriteString("}}")
	return b.Bytes()
}
