package session

import "time"

// Limits of bans.
const (
	MaxBan      = 365 * 24 * time.Hour
	MaxListBans = 1000
)

// Ban keeps somebody out of a session for a time. It is immutable.
type Ban struct {
	ID         string
	SessionID  string
	UserID     *string // nil where an address is banned
	Connection *Connection
	Moderator  *Connection
	CreatedAt  time.Time
	Until      time.Time
}

func (b *Ban) banned() *Connection    { return b.Connection }
func (b *Ban) moderator() *Connection { return b.Moderator }

// NewBan is a ban that is to be stored.
type NewBan struct {
	ID           string
	SessionID    string
	ConnectionID string
	ModeratorID  string
	// Protect says that a connection of role MODERATOR can't be banned.
	Protect bool
	Length  time.Duration
}

// SlowMode is the error for an entry that comes too soon after its sender's last one; it may come after wait.
func SlowMode(wait time.Duration) *Error {
	return Errorf(CodeRateLimited, "this session is in slow mode: you can post again in %v", wait.Round(time.Second)).
		WithReason(ReasonSlowMode).WithRetryAfter(wait)
}

// Banned is the error for a caller that is banned until then.
func Banned(until time.Time) *Error {
	return Errorf(CodeForbidden, "you are banned from this session until %s", until.UTC().Format(time.RFC3339)).
		WithReason(ReasonBanned).WithUntil(until)
}
