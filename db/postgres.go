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
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// postgresEngine is PostgreSQL: any number of processes share the database, and rows are locked one by one. doc.go has
// the order in which.
var postgresEngine = &engine{
	name: "PostgreSQL",
	now:  "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)",
	epoch: "('x' || substr(md5(gen_random_uuid()::text), 1, 16))::bit(64)::bigint" +
		" & 9223372036854775807",
	tables: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
	// Not FOR UPDATE: that would hold up the foreign keys of others, which need no more than that the row stays.
	lockRows:   "NO KEY UPDATE",
	skipLocked: " FOR UPDATE SKIP LOCKED",
	lockSchema: "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(" + strconv.Itoa(schemaLock) + ")",
	unbounded:  "SET LOCAL statement_timeout = 0",
	snapshot:   &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
	rebind:     rebindPostgres,
	schema:     schemaPostgres,
	judge:      judgePostgres,
	explain:    explainPostgres,
	keep:       []any{pgx.QueryExecModeCacheStatement},
	shared:     true,
}

const (
	// schemaLock is the number of the advisory lock under which the schema is changed: the bytes of "chattok".
	schemaLock = 0x63686174746f6b

	// DefaultConnections is how many connections to PostgreSQL a Store opens at most.
	DefaultConnections = 16

	connectTimeout = 5 * time.Second
	// statementTimeout bounds a statement, and a whole transaction as seen from here: beyond it the connection is given
	// up, since a network that swallows packets says nothing. lockTimeout is less, so that a wait ends in an error of its
	// own; and idleTimeout is less than that, so that a node that stands still in a transaction, or was cut off, lets go
	// before those who wait for it give up.
	transactionTimeout = 10 * time.Second
	lockTimeout        = 7 * time.Second
	idleTimeout        = 4 * time.Second
	// connectionIdle is how long a connection that nobody needs stays open.
	connectionIdle = 5 * time.Minute

	minPostgres = 130000 // as server_version_num has it: gen_random_uuid without an extension
)

// keywordFirst is how libpq's other form of a database's name begins: host=… dbname=….
var keywordFirst = regexp.MustCompile(`^\s*(host|hostaddr|port|dbname|user|password|passfile|service|servicefile|sslmode|sslrootcert|sslcert|sslkey|connect_timeout|application_name|options|target_session_attrs)\s*=`)

// IsPostgres says whether a database's name is a PostgreSQL server's: a URL, or libpq's keywords and values.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") || keywordFirst.MatchString(name)
}

// DisplayName is a database's name as it may be shown: without its password.
func DisplayName(name string) string {
	if !IsPostgres(name) {
		return name
	}
	config, err := pgx.ParseConfig(name)
	if err != nil {
		return "postgres://…"
	}
	return "postgres://" + config.User + "@" + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database
}

// parsePostgres reads a URL, or libpq's keywords and values; every setting of libpq's may stand in it. A server that takes no writes, such as a standby, is
// passed over for the next one that the URL names, and else can't be reached, unless it is to be read only.
func parsePostgres(name string, readOnly bool) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(name)
	if err != nil {
		// The error repeats the URL, password and all.
		return nil, &openError{text: "the database's name can't be read: it must be postgres://user:password@host:port/database?options, or libpq's host=… port=… user=… password=… dbname=…", cause: err}
	}
	if !strings.Contains(name, "connect_timeout") {
		config.ConnectTimeout = connectTimeout
	}
	if config.ValidateConnect == nil && !readOnly {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	// bun writes values into the text, so that nearly every text is new: no statement is worth keeping but those that
	// ask for it.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	setting := func(name, value string) {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	setting("application_name", "chattok")
	return config, nil
}

// settingsPostgres are those of each connection. They are set by a statement, since a pooler between may refuse unknown
// ones at the start.
func settingsPostgres(readOnly bool) string {
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	settings := "SET standard_conforming_strings = on;" +
		"SET statement_timeout = " + milliseconds(transactionTimeout) + ";" +
		"SET lock_timeout = " + milliseconds(lockTimeout) + ";" +
		"SET idle_in_transaction_session_timeout = " + milliseconds(idleTimeout) + ";" +
		// What was answered is on disk. Where a server waits for its standbys too, that stays so.
		"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
	// So that a server notices within half a minute that a node is gone without a word. Not over a Unix socket.
	settings += "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;" +
		"SET tcp_user_timeout = " + milliseconds(2*transactionTimeout) + ";"
	if readOnly {
		settings += "SET default_transaction_read_only = on;"
	}
	return settings
}

// openServerPool opens a pool of connections to a PostgreSQL server. The connections are made when they are needed; look
// is called with each new one.
func openServerPool(config *pgx.ConnConfig, size int, readOnly bool, look func(context.Context, *pgx.Conn) error) *bun.DB {
	settings := settingsPostgres(readOnly)
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, settings); err != nil {
			return fmt.Errorf("set up a connection: %w", err)
		}
		return look(ctx, conn)
	}))
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(connectionIdle)
	return bun.NewDB(pool, pgdialect.New())
}

// checkServer refuses a server that can't keep what is promised.
func checkServer(ctx context.Context, db bun.IDB, name string) (warning string, err error) {
	var version int
	var encoding, fsync string
	const query = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('fsync')"
	if err := db.NewRaw(query).Scan(ctx, &version, &encoding, &fsync); err != nil {
		return "", err
	}
	if version < minPostgres {
		return "", fmt.Errorf("database %s is PostgreSQL %d; it must be %d or newer", name, version/10000, minPostgres/10000)
	}
	if encoding != "UTF8" {
		return "", fmt.Errorf("database %s has encoding %s; it must be UTF8", name, encoding)
	}
	if fsync != "on" {
		warning = "the database server has fsync off: a crash of its machine loses what was answered"
	}
	return warning, nil
}

// rebindPostgres numbers the placeholders. Statements have no question mark in a literal.
func rebindPostgres(query string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

var sqlText = regexp.MustCompile(`(?m)^(\s*\w+\s+)TEXT\b`)

// schemaPostgres gives every text column the order of bytes, which is SQLite's and Go's too: it is the fastest, all sides
// lock in the same order by it, and no update of the system's locales can break an index.
func schemaPostgres(query string) string {
	query = strings.ReplaceAll(query, ") WITHOUT ROWID", ")")
	return sqlText.ReplaceAllString(query, `${1}TEXT COLLATE "C"`)
}

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

func judgePostgres(err error) failure {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return judgeState(e.Code)
	}
	if isLost(err) {
		return failureLost
	}
	return failureOther
}

func judgeState(state string) failure {
	switch state {
	case stateSerialization, stateDeadlock, stateLockNotAvailable:
		return failureConflict
	case stateUniqueViolation, stateForeignKeyViolation:
		// What was read before says that the row fits, so somebody else was quicker.
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

// isLost says whether an error that no server sent is the end of a connection.
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

// reasonPostgres is why a server can't be reached, without the driver's text around it, which may repeat the URL.
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

// explainPostgres turns a failure to open into one that names the database and what to do, without the driver's text,
// which may repeat the URL.
func explainPostgres(name string, err error) error {
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
	case judgePostgres(err) == failureLost:
		what = "can't be reached: " + reasonPostgres(err)
	default:
		return err
	}
	return &openError{text: fmt.Sprintf("database %s %s", name, what), cause: err}
}
