package session

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxRefusalBytes bounds the message of a refusal that the poster sees.
const maxRefusalBytes = 256

// Limits of what waits for a Reviewer on this node.
const (
	MaxReviewDrafts = 100       // in one question
	maxReviewBytes  = 512 << 10 // of texts in one question, unless it has one draft alone
	maxReviewed     = 1024      // sessions of which drafts wait
)

// Defaults of what waits for a Reviewer.
const (
	DefaultReviewTimeout = 2 * time.Second
	DefaultReviewLimit   = 8192
	DefaultReviewBytes   = 16 << 20
)

// reviewPause is when somebody may try again who came when too many waited, or whose post could not be reviewed.
const reviewPause = time.Second

// Reviewer is asked about what people post before it is stored.
type Reviewer interface {
	// Review returns a verdict on each of these drafts of one session, in their order. There are 1 to MaxReviewDrafts. A draft on which
	// there is none gets VerdictNone, and fails alone; an error is the failure of all. It returns soon after ctx is done. It is called
	// for one question of a session at a time, and for many sessions at once.
	Review(ctx context.Context, sessionID string, drafts []Draft) ([]Verdict, error)
}

// DraftKind is what a Draft would become.
type DraftKind string

const (
	DraftEntry    DraftKind = "entry"
	DraftEdit     DraftKind = "edit"
	DraftReaction DraftKind = "reaction"
	DraftName     DraftKind = "name" // the data of a connection, which is a name in most applications
)

// Draft is something that somebody wants to post, within all limits that need no look at the store.
type Draft struct {
	Kind           DraftKind
	ConnectionID   string  // of the poster; for a guest the name that it chose
	UserID         *string // nil where it has no user
	Role           Role
	ConnectionData *string // of the connection at present; nil for none, and where it is about to be made
	EntryID        string  // of the entry that is edited or reacted to; empty for another kind
	ReplyTo        string  // the id of the entry that it answers; empty for none
	Body           string  // an entry's text, a reaction's name, or a connection's data
	Data           *string // that goes with an entry's text
}

// bytes is about the memory that the draft takes.
func (d *Draft) bytes() int {
	return 512 + len(d.ConnectionID) + len(d.Body) + len(orEmpty(d.UserID)) + len(orEmpty(d.ConnectionData)) + len(orEmpty(d.Data))
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// VerdictAction is what is to be done with a draft.
type VerdictAction uint8

const (
	VerdictNone    VerdictAction = iota // there is no verdict
	VerdictAllow                        // store it
	VerdictRefuse                       // tell the poster Message
	VerdictReplace                      // store it with another Body
)

// Verdict is a Reviewer's answer about a draft.
type Verdict struct {
	Action  VerdictAction
	Body    string // for VerdictReplace
	Message string // for VerdictRefuse; empty: one of the server's
	Problem string // why there is none, for the log
}

// check returns why a verdict can't be applied to a draft.
func (v Verdict) check(d *Draft) error {
	switch v.Action {
	case VerdictAllow, VerdictRefuse:
		return nil
	case VerdictReplace:
		return d.checkReplacement(v.Body)
	}
	if v.Problem != "" {
		return fmt.Errorf("there is no verdict: %s", v.Problem)
	}
	return fmt.Errorf("there is no verdict")
}

// checkReplacement checks a text that is to be stored in place of the draft's.
func (d *Draft) checkReplacement(body string) error {
	switch d.Kind {
	case DraftReaction:
		return fmt.Errorf("a reaction can't be replaced")
	case DraftName:
		return validText("the other body", body, MaxDataBytes)
	}
	return validBody(body)
}

// refused is the error for a draft that was refused with a message from outside: what is not text is taken out, and the rest cut at
// maxRefusalBytes.
func refused(message string) *Error {
	message = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.In(r, unicode.Bidi_Control):
			return -1
		}
		return r
	}, strings.ToValidUTF8(message, "\uFFFD"))
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > maxRefusalBytes {
		end := maxRefusalBytes
		for !utf8.RuneStart(message[end]) {
			end--
		}
		message = strings.TrimRight(message[:end], " ")
	}
	if message == "" {
		message = "this was refused"
	}
	return Errorf(CodeForbidden, "%s", message).WithReason(ReasonRefused)
}

// errNotReviewed is the error for a draft about which a Reviewer could not be asked. It may be posted again.
func errNotReviewed() *Error {
	return Errorf(CodeUnavailable, "this could not be checked before it is stored; try again").WithReason(ReasonNotReviewed).
		WithRetryAfter(reviewPause)
}

// errTooManyReviews is the error for a draft that comes when too many wait.
func errTooManyReviews(waiting int) *Error {
	return Errorf(CodeUnavailable, "the server is too busy: %d posts wait to be checked before they are stored; try again", waiting).
		WithRetryAfter(reviewPause)
}
