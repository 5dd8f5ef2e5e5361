package session

import (
	"fmt"
	"io"
	"strconv"
)

// Role is what a connection may do; each role may do all that the ones before it may.
type Role string

const (
	RoleSubscriber Role = "SUBSCRIBER" // reads and subscribes
	RolePublisher  Role = "PUBLISHER"  // also adds entries, sends signals and publishes streams
	RoleModerator  Role = "MODERATOR"  // also ends other connections and streams, and mutes
)

// Valid says whether r is one of the roles.
func (r Role) Valid() bool { return r == RoleSubscriber || r == RolePublisher || r == RoleModerator }

// CanPublish says whether r may add entries, send signals and publish streams.
func (r Role) CanPublish() bool { return r == RolePublisher || r == RoleModerator }

// CanModerate says whether r may end other connections and streams, and mute.
func (r Role) CanModerate() bool { return r == RoleModerator }

// MediaMode is how a session's video travels.
type MediaMode string

const (
	MediaRelayed MediaMode = "RELAYED" // from browser to browser
	MediaRouted  MediaMode = "ROUTED"  // through a media router
)

// Valid says whether m is one of the media modes.
func (m MediaMode) Valid() bool { return m == MediaRelayed || m == MediaRouted }

// DisconnectReason is why a connection or a stream ended. Its values are the field's own spelling.
type DisconnectReason string

const (
	ClientDisconnected  DisconnectReason = "clientDisconnected"  // it said so itself; a stream: its publisher did
	NetworkDisconnected DisconnectReason = "networkDisconnected" // it went away and did not come back in time
	ForceDisconnected   DisconnectReason = "forceDisconnected"   // a moderator ended it; a stream: its connection
	ForceUnpublished    DisconnectReason = "forceUnpublished"    // of a stream alone: a moderator ended it
)

// Valid says whether r is one of the reasons.
func (r DisconnectReason) Valid() bool {
	return r == ClientDisconnected || r == NetworkDisconnected || r == ForceDisconnected || r == ForceUnpublished
}

// The methods below are gqlgen's contract for enums.

func (r Role) MarshalGQL(w io.Writer)             { writeEnum(w, string(r)) }
func (m MediaMode) MarshalGQL(w io.Writer)        { writeEnum(w, string(m)) }
func (r DisconnectReason) MarshalGQL(w io.Writer) { writeEnum(w, string(r)) }
func (v VideoType) MarshalGQL(w io.Writer)        { writeEnum(w, string(v)) }
func (t SDPType) MarshalGQL(w io.Writer)          { writeEnum(w, string(t)) }

func (r *Role) UnmarshalGQL(v any) error             { return readEnum(r, v, Role.Valid) }
func (m *MediaMode) UnmarshalGQL(v any) error        { return readEnum(m, v, MediaMode.Valid) }
func (r *DisconnectReason) UnmarshalGQL(v any) error { return readEnum(r, v, DisconnectReason.Valid) }
func (v *VideoType) UnmarshalGQL(raw any) error      { return readEnum(v, raw, VideoType.Valid) }
func (t *SDPType) UnmarshalGQL(v any) error          { return readEnum(t, v, SDPType.Valid) }

func writeEnum(w io.Writer, s string) { _, _ = io.WriteString(w, strconv.Quote(s)) }

func readEnum[E ~string](to *E, v any, valid func(E) bool) error {
	s, ok := v.(string)
	if !ok || !valid(E(s)) {
		return fmt.Errorf("%v is not one of its values", v)
	}
	*to = E(s)
	return nil
}
