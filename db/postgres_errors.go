package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATE codes and classes, from PostgreSQL's appendix A.
const (
	stateUniqueViolation     = "23505"
	stateForeignKeyViolation = "23503"
	stateSerialization       = "40001"
	stateDeadlock            = "40P01"
	stateLockNotAvailable    = "55P03"
	stateReadOnly            = "25006"
	stateIdleInTransaction   = "25P03"
	stateTooManyConnections  = "53300"
	stateAuthentication      = "28"
	stateNoDatabase          = "3D000"
	stateNoPrivilege         = "42501"

	classConnection = "08"
	classData       = "22"
	classIntegrity  = "23"
	classLimit      = "54"
	classRaised     = "P0"
	classOperator   = "57P" // shut down, crashed, or not up yet
)

func classifyPostgres(err error) failure {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return classifyState(e.Code)
	}
	if isLost(err) {
		return failureLost
	}
	return failureOther
}

func classifyState(state string) failure {
	switch state {
	case stateSerialization, stateDeadlock, stateLockNotAvailable:
		return failureConflict
	case stateUniqueViolation, stateForeignKeyViolation:
		// Reads in the same transaction say that the row fits, so another transaction was first.
		return failureConflict
	case stateReadOnly, stateIdleInTransaction, stateTooManyConnections:
		return failureLost
	}
	for class, f := range map[string]failure{
		classConnection: failureLost, classOperator: failureLost,
		classData: failureOfRow, classIntegrity: failureOfRow, classLimit: failureOfRow, classRaised: failureOfRow,
	} {
		if strings.HasPrefix(state, class) {
			return f
		}
	}
	return failureOther
}

// isLost says whether an error that did not come from the server means that the connection is lost.
func isLost(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone,
		net.ErrClosed, os.ErrDeadlineExceeded, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}

// reasonPostgres returns why a server can't be reached, without the driver's text around it, which may repeat the URL.
func reasonPostgres(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Message
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && !e.Timeout() {
		return e.Error()
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	if _, driver := err.(*pgconn.ConnectError); driver {
		return "the connection failed"
	}
	return err.Error()
}

// describePostgres rewrites a failure to open into an error that names the database and says what to do, without the
// driver's text, which may repeat the URL.
func describePostgres(name string, err error) error {
	if _, ours := errors.AsType[*openError](err); ours {
		return err
	}
	state := ""
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		state = e.Code
	}
	var what string
	switch {
	case strings.HasPrefix(state, stateAuthentication):
		what = "refuses the user or the password"
	case state == stateNoDatabase:
		what = "does not exist; make it with createdb"
	case state == stateNoPrivilege:
		what = "does not let this user make its tables"
	case classifyPostgres(err) == failureLost:
		what = "can't be reached: " + reasonPostgres(err)
	default:
		return err
	}
	return &openError{text: fmt.Sprintf("database %s %s", name, what), cause: err}
}
