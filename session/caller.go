package session

import (
	"context"
	"time"
)

// CallerKind says how a caller identified itself.
type CallerKind uint8

const (
	Nobody   CallerKind = iota // without a token, in closed mode
	Guest                      // without a token, in open mode: confined to the lobby
	Member                     // with a connection's access token
	Operator                   // with the API secret
)

// Caller is the identity that an operation runs for. Its zero value is Nobody.
type Caller struct {
	Kind       CallerKind
	SessionID  string      // of a Member, Lobby for a Guest, and for an Operator the session in which it acts, as Service.In says
	Connection *Connection // of a Member, and for an Operator that of the one it acts as, as Service.As says
	Turns      WriteTurns  // its turns to write to a log; nil where it waits for none
}

// WriteTurns bound how many writes of one client wait for the store at once. A group of writes is committed as a whole, so a client with a
// thousand of them would make everybody else wait for all the groups that they fill.
type WriteTurns interface {
	// BeginWrite waits for a turn, which EndWrite ends. The error is the cause of ctx's end, where ctx ends first.
	BeginWrite(ctx context.Context) error
	EndWrite()
}

// inTurn makes a write to a log in a turn of the caller's. The turn ends when the write is committed, also where ctx ends before: whoever
// gives up has a write in the queue all the same. begin queues the write, and its result waits for it. Errors: those of begin; result's.
func inTurn[R any](ctx context.Context, c Caller, begin func() (result func(context.Context) (R, error), err error)) (written R, err error) {
	if c.Turns == nil {
		return begun(ctx, begin)
	}
	if err := c.Turns.BeginWrite(ctx); err != nil {
		return written, err
	}
	result, err := begin()
	if err != nil {
		c.Turns.EndWrite()
		return written, err
	}
	written, err = result(ctx)
	if ctx.Err() == nil {
		c.Turns.EndWrite()
		return written, err
	}
	go func() { // as long as the queue commits, which it does until it is empty
		defer c.Turns.EndWrite()
		if err != nil {
			_, _ = result(context.WithoutCancel(ctx))
		}
	}()
	return written, err
}

// begun begins a write and waits for its result.
func begun[R any](ctx context.Context, begin func() (result func(context.Context) (R, error), err error)) (written R, err error) {
	result, err := begin()
	if err != nil {
		return written, err
	}
	return result(ctx)
}

// AccessGrant is the content of an access token: its holder is this connection.
type AccessGrant struct {
	SessionID    string
	ConnectionID string
	Role         Role
	ExpiresAt    time.Time
}

// SessionGrant is the content of a session token: its holder may connect to this session.
type SessionGrant struct {
	SessionID string
	Role      Role
	UserID    *string // nil where its holder has no user
	Data      *string
	ExpiresAt time.Time
	// MakeSession says that the session is made where it does not exist, and asks for tokens from then on: the id is of a kind
	// that outlives databases, and the token proves that the holder of the API secret knows it.
	MakeSession bool
}

// Validate checks the limits of a session token's content. Errors: BAD_USER_INPUT.
func (g SessionGrant) Validate() error {
	if err := validName("sessionId", g.SessionID); err != nil {
		return err
	}
	if !g.Role.Valid() {
		return Errorf(CodeBadUserInput, "role must be SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR")
	}
	if g.UserID != nil && !ValidUserID(*g.UserID) {
		return invalidUserID("userId")
	}
	if g.Data == nil {
		return nil
	}
	return validText("data", *g.Data, MaxDataBytes)
}

// inSession checks that the caller may read its session. Errors: UNAUTHENTICATED; FORBIDDEN for the API secret that names none.
func (c Caller) inSession() error {
	switch {
	case c.Kind == Member, c.Kind == Guest, c.Kind == Operator && c.SessionID != "":
		return nil
	case c.Kind == Operator:
		return Errorf(CodeForbidden, "the API secret is in no session; connect, and send the access token")
	default:
		return unauthenticated(NeedsAccessToken, "this needs an access token")
	}
}

// connected checks that the caller is a connection. Errors: UNAUTHENTICATED, also for a guest; FORBIDDEN for the API secret.
func (c Caller) connected() error {
	switch c.Kind {
	case Guest:
		return unauthenticated(NeedsConnection, "this needs a connection of your own")
	case Operator:
		return Errorf(CodeForbidden, "the API secret is no connection; connect, and send the access token")
	default:
		return c.inSession()
	}
}

// canSignal checks that the caller may send signals: a connection that may publish, or the API secret in a session. Errors: those of
// connected and canPublish.
func (c Caller) canSignal() error {
	if c.Kind == Operator {
		return c.inSession()
	}
	if err := c.connected(); err != nil {
		return err
	}
	return c.canPublish()
}

// listener names the connection to which signals to the caller go; "" for the API secret in a session, which has none. Errors: those
// of connected.
func (c Caller) listener() (string, error) {
	if c.Kind == Operator {
		return "", c.inSession()
	}
	if err := c.connected(); err != nil {
		return "", err
	}
	return c.Connection.ID, nil
}

// canPublish checks that a connected caller may add entries and send signals. Errors: FORBIDDEN.
func (c Caller) canPublish() error {
	if c.Kind == Member {
		return c.Connection.Role.RequirePublish()
	}
	return nil
}

// canModerate checks that the caller is a connection that may moderate, or the API secret in a session. Errors: those of connected,
// and FORBIDDEN.
func (c Caller) canModerate(operation string) error {
	if c.Kind == Operator {
		return c.inSession()
	}
	if err := c.connected(); err != nil {
		return err
	}
	if !c.Connection.Role.CanModerate() {
		return Errorf(CodeForbidden, "%s needs role MODERATOR", operation)
	}
	return nil
}

// moderatorID returns the connection whose right to moderate a transaction checks again, since this node may not have heard that it lost
// it; empty for the holder of the API secret.
func (c Caller) moderatorID() string {
	if c.Kind != Member {
		return ""
	}
	return c.Connection.ID
}

// operator checks that the caller holds the API secret. Errors: UNAUTHENTICATED, FORBIDDEN.
func (c Caller) operator() error {
	switch c.Kind {
	case Operator:
		return nil
	case Member:
		return Errorf(CodeForbidden, "this is for the holder of the API secret")
	default:
		return unauthenticated(NeedsAPISecret, "this needs the API secret")
	}
}

// notOperator is the error for an argument that is for the holder of the API secret, given by somebody else.
func (c Caller) notOperator(argument string) error {
	if c.Kind == Member {
		return Errorf(CodeForbidden, "%s is for the holder of the API secret", argument)
	}
	return unauthenticated(NeedsAPISecret, argument+" is for the holder of the API secret")
}
