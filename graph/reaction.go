package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vikstrous/dataloadgen"

	"chattok/graph/transport"
	"chattok/session"
)

// defaultReactors is how many of those who react are returned where the number is absent.
const defaultReactors = 10

// ReplyTo is the entry that e answers. An event of a subscription has it as this node knows it, and is rendered anew when it
// changes; everything else reads it from the store, where an answered change is never missing.
func (r chatEntryResolver) ReplyTo(ctx context.Context, e *session.ChatEntry) (*session.ChatEntry, error) {
	if e.ReplyTo == 0 {
		return nil, nil
	}
	operation := graphql.GetOperationContext(ctx)
	if identifies(operation, graphql.GetFieldContext(ctx).Field.Selections) && r.service.Keeps(e.SessionID, e.Epoch, e.ReplyTo) {
		return &session.ChatEntry{SessionID: e.SessionID, Epoch: e.Epoch, Seq: e.ReplyTo}, nil
	}
	if operation.Operation.Operation == ast.Subscription {
		if original, ok := r.service.KnownEntry(e.SessionID, e.Epoch, e.ReplyTo); ok {
			return original, nil
		}
	}
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	original, err := loadersOf(ctx).entries.load(ctx, entryKey{logKey{e.SessionID, e.Epoch}, e.ReplyTo})
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	return original, err
}

// identifies says whether a selection of an entry's fields has only those that the entry's place in the log gives.
func identifies(operation *graphql.OperationContext, set ast.SelectionSet) bool {
	for _, field := range graphql.CollectFields(operation, set, []string{"ChatEntry"}) {
		if field.Name != "id" && field.Name != "seq" && field.Name != "__typename" {
			return false
		}
	}
	return true
}

// MyReactions are the names of the caller's reactions to e.
func (r chatEntryResolver) MyReactions(ctx context.Context, e *session.ChatEntry) ([]string, error) {
	if len(e.Reactions) == 0 || callerOf(ctx).Kind != session.Member {
		return []string{}, nil
	}
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	names, err := loadersOf(ctx).reactions.load(ctx, entryKey{logKey{e.SessionID, e.Epoch}, e.Seq})
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return []string{}, nil
	}
	return names, err
}

// Users returns the first connections that reacted by this name.
func (r reactionResolver) Users(ctx context.Context, reaction *session.Reaction, first *int64) ([]*session.Connection, error) {
	limit := int64(defaultReactors)
	if first != nil {
		limit = *first
	}
	switch {
	case limit < 0 || limit > session.MaxReactors:
		return nil, session.Errorf(session.CodeBadUserInput, "first must be 0 to %d", session.MaxReactors)
	case limit == 0 || reaction.Entry == nil:
		return nil, nil
	}
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	e := reaction.Entry
	ids, err := loadersOf(ctx).reactors.load(ctx, reactorsKey{e.SessionID, int(limit), session.ReactionKey{Seq: e.Seq, Name: reaction.Name}})
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := connectionsByID(ctx, e, ids)
	return withinWeight(all, int(limit)), err
}

// withinWeight returns the beginning of a list, as far as its data takes no more than dataBytes for each of number connections, which is
// what the operation was weighed by.
func withinWeight(all []*session.Connection, number int) []*session.Connection {
	bytes := 0
	for i, c := range all {
		if c.Data != nil {
			bytes += len(*c.Data)
		}
		if bytes > max(number*dataBytes, session.MaxDataBytes) {
			return all[:i]
		}
	}
	return all
}
