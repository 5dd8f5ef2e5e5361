package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/rates"
	"chattok/session"
)

func (r mutationResolver) EditChatEntry(ctx context.Context, id, body string, data, idempotencyKey, sessionID *string, as *session.ActAs) (*session.ChatEntry, error) {
	c, err := r.acting(ctx, sessionID, as)
	if err != nil {
		return nil, err
	}
	return r.service.EditChatEntry(ctx, c, session.EditArgs{ID: id, Body: body, SetData: given(ctx, "data"), Data: data,
		IdempotencyKey: idempotencyKey})
}

func (r mutationResolver) DeleteChatEntry(ctx context.Context, id string, sessionID *string, as *session.ActAs) (*session.ChatEntry, error) {
	c, err := r.acting(ctx, sessionID, as)
	if err != nil {
		return nil, err
	}
	return r.service.DeleteChatEntry(ctx, c, id)
}

func (r mutationResolver) ReactToChatEntry(ctx context.Context, id, name string, on *bool, idempotencyKey, sessionID *string, as *session.ActAs) (*session.ChatEntry, error) {
	c, err := r.acting(ctx, sessionID, as)
	if err != nil {
		return nil, err
	}
	entry, err := r.service.ReactToChatEntry(ctx, c, session.ReactArgs{ID: id, Name: name, On: on == nil || *on,
		IdempotencyKey: idempotencyKey})
	if err == nil {
		// A reaction of a few bytes sends the whole entry to everybody again, and its length was not known before.
		payerOf(ctx).Spend(rates.PostBytes, entry.TextBytes())
	}
	return entry, err
}

// given says whether the field that ctx resolves was given an argument, be it null.
func given(ctx context.Context, name string) bool {
	argument := graphql.GetFieldContext(ctx).Field.Arguments.ForName(name)
	if argument == nil {
		return false
	}
	if argument.Value.Kind != ast.Variable {
		return true
	}
	_, ok := graphql.GetOperationContext(ctx).Variables[argument.Value.Raw]
	return ok
}
