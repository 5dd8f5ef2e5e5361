package enum

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"chattok/session"
)

// roundTrip checks that every value is written in quotes and read back, and that other input is refused.
func roundTrip[E ~string](t *testing.T, marshal func(E) graphql.Marshaler, unmarshal func(any) (E, error), values ...E) {
	t.Helper()
	for _, value := range values {
		var b strings.Builder
		marshal(value).MarshalGQL(&b)
		if b.String() != `"`+string(value)+`"` {
			t.Errorf("%s is written as %s", value, b.String())
		}
		if got, err := unmarshal(string(value)); got != value || err != nil {
			t.Errorf("%s is read as %s, %v", value, got, err)
		}
	}
	for _, other := range []any{"", "NONE", 1, nil, true} {
		if got, err := unmarshal(other); err == nil {
			t.Errorf("%v is read as %s", other, got)
		}
	}
}

func TestEnums(t *testing.T) {
	roundTrip(t, MarshalRole, UnmarshalRole, session.RoleSubscriber, session.RolePublisher, session.RoleModerator)
	roundTrip(t, MarshalMediaMode, UnmarshalMediaMode, session.MediaRelayed, session.MediaRouted)
	roundTrip(t, MarshalVideoType, UnmarshalVideoType, session.VideoCamera, session.VideoScreen, session.VideoCustom)
	roundTrip(t, MarshalSDPType, UnmarshalSDPType, session.SDPOffer, session.SDPPranswer, session.SDPAnswer, session.SDPRollback)
	roundTrip(t, MarshalEntryChange, UnmarshalEntryChange, session.EntryEdited, session.EntryDeleted, session.EntryReacted)
	roundTrip(t, MarshalFeedEventKind, UnmarshalFeedEventKind, session.FeedEventKinds...)
	roundTrip(t, MarshalErasureState, UnmarshalErasureState, session.ErasureErasing, session.ErasureDone)
	roundTrip(t, MarshalSessionOrder, UnmarshalSessionOrder, session.ByLastEntry, session.ByCreation)
	roundTrip(t, MarshalDisconnectReason, UnmarshalDisconnectReason, session.ClientDisconnected, session.NetworkDisconnected,
		session.ForceDisconnected, session.ForceUnpublished, session.UserErased)
}
