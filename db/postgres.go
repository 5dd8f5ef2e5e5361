package db

import (
	"context"
	"database/sql"
	"fmt"
	"net"
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

// postgresEngine is PostgreSQL: any number of processes share the database, and rows are locked one by one. The package
// comment gives the order in which transactions lock them.
var postgresEngine = &engine{
	name: "PostgreSQL",
	now:  "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)",
	epoch: "('x' || substr(md5(gen_random_uuid()::text), 1, 16))::bit(64)::bigint" +
		" & 9223372036854775807",
	tables: "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
	// Not FOR UPDATE, which would block inserts whose foreign keys need no more than that the row stays.
	lockRows: "NO KEY UPDATE",
	inList:   "= ANY(ARRAY(", inEnd: "))",
	position:   "strpos",
	skipLocked: " FOR UPDATE SKIP LOCKED",
	lockSchema: "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(" + strconv.Itoa(schemaLock) + ")",
	unbounded:  "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
	snapshot:   &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
	rebind:     rebindPostgres,
	schema:     schemaPostgres,
	classify:   classifyPostgres,
	describe:   describePostgres,
	keep:       []any{pgx.QueryExecModeCacheStatement},
}

const (
	// schemaLock is the number of the advisory lock under which the schema is changed: the bytes of "chattok".
	schemaLock = 0x63686174746f6b

	// DefaultConnections is the largest number of connections to PostgreSQL that a Store opens.
	DefaultConnections = 16

	connectTimeout = 5 * time.Second
	// transactionTimeout bounds a statement on the server, and a whole transaction on this side: a connection is given
	// up after that, since a network that drops packets reports no error. lockTimeout is shorter, so that a wait for a
	// lock ends in an error of its own. idleTimeout is shorter still, so that a node that stands still within a
	// transaction, or is cut off, releases its locks before the transactions that wait for them give up.
	transactionTimeout = 10 * time.Second
	lockTimeout        = 7 * time.Second
	idleTimeout        = 4 * time.Second
	// connectionIdle is how long a connection that is not needed stays open.
	connectionIdle = 5 * time.Minute

	minPostgres = 130000 // server_version_num of the first version with gen_random_uuid and no extension
)

// keywordForm matches the beginning of libpq's other form of a database's name, host=… dbname=….
var keywordForm = regexp.MustCompile(`^\s*(host|hostaddr|port|dbname|user|password|passfile|service|servicefile|sslmode|sslrootcert|sslcert|sslkey|connect_timeout|application_name|options|target_session_attrs)\s*=`)

// IsPostgres says whether a database's name is a PostgreSQL server's: a URL, or libpq's keywords and values.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") || keywordForm.MatchString(name)
}

// DisplayName returns a database's name without its password.
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

// parsePostgres reads a URL, or libpq's keywords and values, with any setting of libpq. To write, a server that takes
// no writes, such as a standby, is passed over for the next one in the URL.
func parsePostgres(name string, readOnly bool) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(name)
	if err != nil {
		// The driver's error repeats the URL with its password.
		return nil, &openError{text: "the database's name can't be read: it must be postgres://user:password@host:port/database?options, or libpq's host=… port=… user=… password=… dbname=…", cause: err}
	}
	if !strings.Contains(name, "connect_timeout") {
		config.ConnectTimeout = connectTimeout
	}
	if config.ValidateConnect == nil && !readOnly {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	// bun writes values into the text, so nearly every text is new: statements are prepared only where they ask for it.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	setting := func(name, value string) {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	setting("application_name", "chattok")
	return config, nil
}

// settingsPostgres returns the settings of each connection. They are set by a statement, since a pooler may refuse
// unknown settings at the start of a connection.
func settingsPostgres(readOnly bool) string {
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	settings := "SET standard_conforming_strings = on;" +
		"SET statement_timeout = " + milliseconds(transactionTimeout) + ";" +
		"SET lock_timeout = " + milliseconds(lockTimeout) + ";" +
		"SET idle_in_transaction_session_timeout = " + milliseconds(idleTimeout) + ";" +
		// An answered write is on disk. A server that also waits for its standbys keeps doing so.
		"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
	// With these a server notices within half a minute that a node has vanished. They have no effect on a Unix socket.
	settings += "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;" +
		"SET tcp_user_timeout = " + milliseconds(2*transactionTimeout) + ";"
	if readOnly {
		settings += "SET default_transaction_read_only = on;"
	}
	return settings
}

// openServerPool opens a pool of connections to a PostgreSQL server. Connections are opened when they are needed, and
// look is called with each new one.
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
	return bun.NewDB(pool, pgdialect.New(), tolerant)
}

// checkServer refuses a server that can't hold the data, and returns a warning for a server that may lose it.
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

// rebindPostgres numbers the placeholders. No statement has a question mark in a literal.
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

// schemaPostgres gives every text column the order of bytes, which is also SQLite's and Go's: it is the fastest, all
// nodes lock rows in the same order by it, and no update of the system's locales can break an index. The text between
// "postgres:" and ":postgres" in a comment is for this engine alone.
func schemaPostgres(query string) string {
	query = strings.NewReplacer(") WITHOUT ROWID", ")", "/*postgres:", "", ":postgres*/", "").Replace(query)
	return sqlText.ReplaceAllString(query, `${1}TEXT COLLATE "C"`)
}
