// Package enum writes and reads the domain's enums as GraphQL does, so that the domain knows nothing of GraphQL. gqlgen.yml
// names its functions, by the rule for types of another package: MarshalX and UnmarshalX.
package enum

import (
	"fmt"
	"io"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"chattok/session"
)

func MarshalRole(r session.Role) graphql.Marshaler                   { return write(r) }
func MarshalMediaMode(m session.MediaMode) graphql.Marshaler         { return write(m) }
func MarshalVideoType(v session.VideoType) graphql.Marshaler         { return write(v) }
func MarshalSDPType(t session.SDPType) graphql.Marshaler             { return write(t) }
func MarshalEntryChange(c session.EntryChange) graphql.Marshaler     { return write(c) }
func MarshalFeedEventKind(k session.FeedEventKind) graphql.Marshaler { return write(k) }
func MarshalErasureState(s session.ErasureState) graphql.Marshaler   { return write(s) }
func MarshalSessionOrder(o session.SessionOrder) graphql.Marshaler   { return write(o) }
func MarshalDisconnectReason(r session.DisconnectReason) graphql.Marshaler {
	return write(r)
}

func UnmarshalRole(v any) (session.Role, error)           { return read(v, session.Role.Valid) }
func UnmarshalMediaMode(v any) (session.MediaMode, error) { return read(v, session.MediaMode.Valid) }
func UnmarshalVideoType(v any) (session.VideoType, error) { return read(v, session.VideoType.Valid) }
func UnmarshalSDPType(v any) (session.SDPType, error)     { return read(v, session.SDPType.Valid) }
func UnmarshalEntryChange(v any) (session.EntryChange, error) {
	return read(v, session.EntryChange.Valid)
}
func UnmarshalFeedEventKind(v any) (session.FeedEventKind, error) {
	return read(v, session.FeedEventKind.Valid)
}
func UnmarshalErasureState(v any) (session.ErasureState, error) {
	return read(v, session.ErasureState.Valid)
}
func UnmarshalSessionOrder(v any) (session.SessionOrder, error) {
	return read(v, session.SessionOrder.Valid)
}
func UnmarshalDisconnectReason(v any) (session.DisconnectReason, error) {
	return read(v, session.DisconnectReason.Valid)
}

func write[E ~string](value E) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(string(value))) })
}

func read[E ~string](v any, valid func(E) bool) (value E, err error) {
	s, ok := v.(string)
	if !ok || !valid(E(s)) {
		return value, fmt.Errorf("%v is not one of its values", v)
	}
	return E(s), nil
}
