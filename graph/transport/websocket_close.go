package transport

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"chattok/session"
)

// CloseCode is the status code of a close. By it the reference client, npm's graphql-ws, decides whether to reconnect:
// it does after 1012, 1013, 4403 and 4408, and not after the others. See
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md and RFC 6455, section 7.4.
type CloseCode uint16

const (
	CloseNormal         CloseCode = 1000 // the client said goodbye
	CloseProtocol       CloseCode = 1002 // the frames break RFC 6455
	CloseTooBig         CloseCode = 1009 // a message over MaxMessageBytes
	CloseRestart        CloseCode = 1012 // the server stops or restarts: come back, with your cursor
	CloseTryLater       CloseCode = 1013 // a limit on sockets, a reader too slow, or a store that fails: come back later
	CloseBadRequest     CloseCode = 4400 // a message that breaks the protocol
	CloseUnauthorized   CloseCode = 4401 // no connection_init, or the connection has ended: do not come back
	CloseForbidden      CloseCode = 4403 // the token in connection_init is refused: renew it and come back
	CloseInitTimeout    CloseCode = 4408 // no connection_init in time
	CloseDuplicateID    CloseCode = 4409 // a subscribe with an id that is in use
	CloseTooManyInits   CloseCode = 4429 // a second connection_init
	maxCloseReasonBytes           = 123
)

// closeError ends the reading of a socket because of a fault of the client. The socket is then closed with this code
// and reason, unless it is being closed already: then the code is 0.
type closeError struct {
	code   CloseCode
	reason string
	unread int64 // bytes of a frame that are still to come
}

func (e *closeError) Error() string { return fmt.Sprintf("close %d: %s", e.code, e.reason) }

// errClosed ends the reading of a socket that is being closed already.
var errClosed = errors.New("closed")

// mayBeSent says whether a close frame may have this code: RFC 6455, section 7.4, and IANA's registry of 1012 to 1014.
func mayBeSent(code ws.StatusCode) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// closeReason cuts a reason to the length that a close frame holds.
func closeReason(s string) string {
	if len(s) <= maxCloseReasonBytes {
		return s
	}
	end := maxCloseReasonBytes
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// closeFor returns the code and reason for a socket whose connection_init failed or whose connection has ended.
func closeFor(err error) (CloseCode, string) {
	e := asError(err)
	reason := e.Reason
	if reason == "" {
		reason = string(e.Code)
	}
	reason = closeReason(reason + ": " + e.Message)
	switch {
	case e.Reason == session.ReasonConnectionDestroyed, e.Reason == session.ReasonStayEnded, e.Reason == session.ReasonSessionDeleted:
		return CloseUnauthorized, reason
	case e.Code == session.CodeUnavailable, e.Code == session.CodeRateLimited, e.Code == session.CodeInternal:
		return CloseTryLater, reason
	default:
		return CloseForbidden, reason
	}
}
