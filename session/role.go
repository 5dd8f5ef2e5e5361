package session

// Role is a set of rights of a connection. Each role has all rights of the ones before it, save that RolePublisherOnly does not
// subscribe.
type Role string

const (
	RoleSubscriber    Role = "SUBSCRIBER"     // reads and subscribes
	RolePublisherOnly Role = "PUBLISHER_ONLY" // does what a RolePublisher does, and subscribes to no stream
	RolePublisher     Role = "PUBLISHER"      // also adds entries, sends signals and publishes streams
	RoleModerator     Role = "MODERATOR"      // also ends other connections and streams, mutes, bans, deletes any entry, and changes settings and roles
)

// Valid says whether r is one of the roles.
func (r Role) Valid() bool { return r == RoleSubscriber || r.CanPublish() }

// CanPublish says whether r may add entries, send signals and publish streams.
func (r Role) CanPublish() bool {
	return r == RolePublisherOnly || r == RolePublisher || r == RoleModerator
}

// RequirePublish returns why a connection of this role may not add entries, edit and react, send signals, nor publish streams. Errors:
// FORBIDDEN.
func (r Role) RequirePublish() error {
	if r.CanPublish() {
		return nil
	}
	return Errorf(CodeForbidden, "role %s may only read and subscribe", r)
}

// CanSubscribe says whether r may receive the streams of others.
func (r Role) CanSubscribe() bool { return r != RolePublisherOnly }

// CanModerate says whether r may do what RoleModerator alone may.
func (r Role) CanModerate() bool { return r == RoleModerator }
