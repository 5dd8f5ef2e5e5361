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

// fastAdds is an executable schema that executes adds of scalar fields itself, and leaves every other operation to the
// generated schema.
//
// A busy server does little else than add, and a large part of an add's processor time is gqlgen's general way to a few
// fields of one object: a context, maps and closures for each (docs/decisions/group-commit.md has the figure). A fast
// add is a mutation of addChatEntry alone, with arguments that are strings and a selection of fields that need no
// resolver, without directives and fragments. Its document is parsed, validated and limited like every other, and its
// errors are presented in the same way.
type fastAdds struct {
	graphql.ExecutableSchema
	resolver generated.MutationResolver
}

// Exec implements graphql.ExecutableSchema.
func (p fastAdds) Exec(ctx context.Context) graphql.ResponseHandler {
	add, ok := fastAddOf(graphql.GetOperationContext(ctx))
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

// maxFastFields bounds the selection of a fast add.
const maxFastFields = 16

// fastAdd is a fast add with its arguments.
type fastAdd struct {
	op    *graphql.OperationContext
	field *ast.Field
	body  string

	connectionID, key, replyTo, data, sessionID *string
}

// fastAddOf returns the operation as a fast add; ok is false where it is none.
func fastAddOf(op *graphql.OperationContext) (add fastAdd, ok bool) {
	if op.Operation.Operation != ast.Mutation || len(op.Operation.SelectionSet) != 1 {
		return add, false
	}
	field, ok := op.Operation.SelectionSet[0].(*ast.Field)
	if !ok || field.Name != "addChatEntry" || len(field.Directives) > 0 || !scalarSelection(field.SelectionSet) {
		return add, false
	}
	add = fastAdd{op: op, field: field}
	for _, argument := range field.Arguments {
		text, ok := stringArgument(argument.Value, op.Variables)
		switch {
		case !ok:
			return add, false
		case argument.Name == "idempotencyKey":
			add.key = text
		case argument.Name == "replyTo":
			add.replyTo = text
		case argument.Name == "data":
			add.data = text
		case argument.Name == "connectionId":
			add.connectionID = text
		case argument.Name == "sessionId":
			add.sessionID = text
		case text == nil && argument.Name == "as":
		case text == nil:
			return add, false
		case argument.Name == "body":
			add.body = *text
		default:
			return add, false
		}
	}
	return add, true
}

// scalarSelection says whether a selection consists of different fields that need no resolver.
func scalarSelection(set ast.SelectionSet) bool {
	if len(set) > maxFastFields {
		return false
	}
	for i, selection := range set {
		field, ok := selection.(*ast.Field)
		if !ok || len(field.Directives) > 0 {
			return false
		}
		switch field.Name {
		case "id", "seq", "cursor", "connectionId", "userId", "body", "data", "createdAt", "version", "editedAt", "deletedAt", "deletedBy",
			"__typename":
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

// stringArgument returns the value of an argument that is a string or null; text is nil for null.
func stringArgument(value *ast.Value, variables map[string]any) (text *string, ok bool) {
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
func (a fastAdd) execute(ctx context.Context, resolver generated.MutationResolver) (data []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			ctx = a.fieldContext(ctx)
			a.op.Error(ctx, a.op.Recover(ctx, cause))
			data = null
		}
	}()
	entry, err := resolver.AddChatEntry(ctx, a.connectionID, a.body, a.key, a.replyTo, a.data, a.sessionID, nil)
	if err != nil {
		ctx = a.fieldContext(ctx)
		a.op.Error(ctx, graphql.AddFieldLocationToError(ctx, err))
		return null
	}
	return a.marshal(entry)
}

// fieldContext returns the context that the error presenter expects for an error of the field.
func (a fastAdd) fieldContext(ctx context.Context) context.Context {
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Mutation"})
	return graphql.WithFieldContext(ctx, &graphql.FieldContext{
		Object:     "Mutation",
		Field:      graphql.CollectedField{Field: a.field, Selections: a.field.SelectionSet},
		Args:       map[string]any{"connectionId": a.connectionID, "body": a.body, "idempotencyKey": a.key, "replyTo": a.replyTo, "data": a.data, "sessionId": a.sessionID},
		IsMethod:   true,
		IsResolver: true,
	})
}

// marshal writes the entry's fields with the same scalars as the generated code.
func (a fastAdd) marshal(e *session.ChatEntry) []byte {
	var b bytes.Buffer
	b.Grow(128)
	b.WriteString(`{"`)
	b.WriteString(a.field.Alias) // a name has nothing to escape
	b.WriteString(`":{`)
	for i, selection := range a.field.SelectionSet {
		field := selection.(*ast.Field)
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(field.Alias)
		b.WriteString(`":`)
		writeField(&b, e, field.Name)
	}
	b.WriteString("}}")
	return b.Bytes()
}

// writeField writes one of the fields that scalarSelection knows.
func writeField(b *bytes.Buffer, e *session.ChatEntry, name string) {
	switch name {
	case "id":
		graphql.MarshalID(e.ID()).MarshalGQL(b)
	case "seq":
		b.Write(strconv.AppendInt(b.AvailableBuffer(), e.Seq, 10))
	case "cursor":
		graphql.MarshalString(e.Cursor()).MarshalGQL(b)
	case "connectionId":
		graphql.MarshalID(e.ConnectionID).MarshalGQL(b)
	case "userId":
		writeOr(b, e.UserID, graphql.MarshalID)
	case "body":
		graphql.MarshalString(e.Body).MarshalGQL(b)
	case "data":
		writeOr(b, e.Data, graphql.MarshalString)
	case "createdAt":
		scalar.MarshalTime(e.CreatedAt).MarshalGQL(b)
	case "version":
		b.Write(strconv.AppendInt(b.AvailableBuffer(), e.Version, 10))
	case "editedAt":
		writeOr(b, e.EditedAt, scalar.MarshalTime)
	case "deletedAt":
		writeOr(b, e.DeletedAt, scalar.MarshalTime)
	case "deletedBy":
		writeOr(b, e.Deleter(), graphql.MarshalID)
	case "__typename":
		b.WriteString(`"ChatEntry"`)
	}
}

// writeOr writes a value, or null where there is none.
func writeOr[T any](b *bytes.Buffer, value *T, marshal func(T) graphql.Marshaler) {
	if value == nil {
		b.Write(null)
		return
	}
	marshal(*value).MarshalGQL(b)
}
