// Package config reads the settings of the server from flags and environment variables, checks them, and explains them for
// --help. Each flag -some-name is also the environment variable CHATTOK_SOME_NAME; a flag takes precedence.
//
// A setting is added in three places: a field and a flag here, its group in help.go, and docs/operations.md. Tests hold the
// three together.
//
// Reading order: config.go secret.go keys.go help.go limits.go rates.go bus.go ice.go before_post.go webhook.go list.go duration.go
// bytes.go boolean.go unknown.go.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3"
	"golang.org/x/crypto/acme/autocert"

	"chattok/db"
	"chattok/graph/edge"
	"chattok/internal/boundedlog"
	"chattok/internal/memory"
	"chattok/opentok"
	"chattok/web"
)

// ErrUsage is wrapped by errors in how the program was called.
var ErrUsage = errors.New("wrong usage")

// Config holds the settings. Parse fills it in and has checked them.
type Config struct {
	Addr          string // HOST:PORT of the API and the pages
	MetricsAddr   string // HOST:PORT of /metrics; on Addr for loopback alone where empty
	Open          bool   // connections need no token
	Origins       string // List; "*" for any
	Hosts         string // List
	Introspection bool
	RailsRoutes   bool          // the routes of OpenTok's tutorial too
	Grace         time.Duration // for a connection to come back after its last socket closed
	Idle          time.Duration // until a connection that never had a socket ends

	Database            string   // file, or a PostgreSQL server
	DatabaseConnections int      // at most; 0 for db.DefaultConnections
	Erasures            string   // file that keeps erasures; beside a SQLite database where empty
	GroupLimit          int      // writes in one commit at most; 0 for the domain's default
	APISecret           string   // from SecretVariable; the database keeps one where empty
	OldAPISecrets       []string // from OldSecretVariable; they verify, and sign nothing
	TokenKeys           TokenKeys
	APIKey              string // by which OpenTok's libraries know the server; none where empty
	Bus                 string // URL; see BusURL
	NATS                NATSFiles

	Webhooks Webhooks

	// HTTPS: TLSCert and TLSKey, or Domain, or none of them.
	TLSCert, TLSKey string // files
	Domain          string // List
	HTTPAddr        string // HOST:PORT that redirects plain HTTP; none where empty
	ACMEDir         string // folder of the certificates
	ACMEDirectory   string // URL of the authority's directory (RFC 8555, section 7.1.1)
	ACMEEmail       string

	Limits     Limits
	ICE        ICE
	BeforePost BeforePost
	Memory     Bytes // budget; 0 for a share of what there is

	LogLevel       slog.Level
	LogFormat      string // text or json
	FrameAncestors string // as web.ParseFrameAncestors reads it
	Theme          string // as web.ParseTheme reads it
	Admin          bool   // the admin page too
}

// Default addresses: loopback, or, with -domain, the ports that browsers use.
const (
	defaultAddr       = "127.0.0.1:8080"
	defaultDomainAddr = ":443"
	defaultHTTPAddr   = ":80"
)

// Flags returns the flags of the server, which set the fields of c.
func (c *Config) Flags() *flag.FlagSet {
	f := flag.NewFlagSet("chattok", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the caller prints errors
	f.StringVar(&c.Addr, "addr", "", "`address` to serve on; where it is not set and PORT is, \":$PORT\" (default "+defaultAddr+", "+defaultDomainAddr+" with -domain)")
	f.StringVar(&c.Bus, "bus", "", "`url` of the bus between nodes: NATS servers, as nats://host:port or tls://host:port, several separated by commas; or a PostgreSQL database; where it is not set, that of -database if it is one")
	c.NATS.flags(f)
	c.Webhooks.flags(f)
	f.StringVar(&c.Database, "database", "chattok.db", "`file` of the SQLite database, created if missing; or a PostgreSQL server, as postgres://user@host/name or libpq's host=… dbname=…; set its password in the environment rather than here")
	f.IntVar(&c.DatabaseConnections, "database-connections", 0, fmt.Sprintf("connections to PostgreSQL at most; 0 for %d", db.DefaultConnections))
	f.StringVar(&c.Erasures, "erasures", "", "`file` that keeps who was erased, as keyed digests, for the case that an older backup is put back; where it is not set, the SQLite database's with .erasures behind its name, and none for PostgreSQL")
	BoolVar(f, &c.Open, "open", true, "open mode: anybody may connect to any session that no backend made, and be a guest in the lobby")
	f.StringVar(&c.Origins, "origins", "", "further `origins` whose pages may use the server, separated by commas; * for any")
	f.StringVar(&c.Hosts, "hosts", "", "`names` that browsers reach the server by, separated by commas, *.example.com for all below one, * for any; beside IP addresses, localhost, this machine's own name, and the hosts of -domain and -origins")
	DurationVar(f, &c.Grace, "grace", 20*time.Second, "`time` a connection has to come back after its last socket closed")
	DurationVar(f, &c.Idle, "idle", 10*time.Minute, "`time` after the last request of a connection without a socket when it ends")
	BoolVar(f, &c.Introspection, "introspection", true, "answer questions about the schema")
	BoolVar(f, &c.RailsRoutes, "rails-routes", false, "answer the routes of OpenTok's tutorial too: POST /chat_entries/add and GET /chat_entries/latest/:connectionId")
	f.StringVar(&c.APIKey, "api-key", "", "`key` that OpenTok's server libraries are given beside the API secret; where it is set, the server answers their REST API and takes their tokens")
	c.TokenKeys.flags(f)
	f.StringVar(&c.MetricsAddr, "metrics-addr", "", "separate `address` for /metrics, in a private network; where it is not set, -addr answers /metrics to this machine alone")
	f.StringVar(&c.TLSCert, "tls-cert", "", "`file` with the certificate for HTTPS and its chain, PEM; read again when it changes")
	f.StringVar(&c.TLSKey, "tls-key", "", "`file` with the certificate's private key, PEM")
	f.StringVar(&c.Domain, "domain", "", "serve HTTPS under these `names`, separated by commas, with certificates by ACME; you agree to the authority's terms")
	f.StringVar(&c.HTTPAddr, "http-addr", "", "`address` that redirects plain HTTP to HTTPS; only with a certificate (default "+defaultHTTPAddr+" with -domain)")
	f.StringVar(&c.ACMEDir, "acme-dir", "chattok-certificates", "`folder` where certificates by ACME and the account's key are kept")
	f.StringVar(&c.ACMEDirectory, "acme-directory", autocert.DefaultACMEDirectory, "`address` of the ACME authority's directory")
	f.StringVar(&c.ACMEEmail, "acme-email", "", "`address` that the ACME authority may write to")
	f.IntVar(&c.GroupLimit, "group-limit", 0, "writes that share one commit at most; 0 for 256")
	f.TextVar(&c.Memory, "memory", Bytes(0), "`bytes` of memory for caches, such as the newest entries, and for answers that clients have not taken yet; as 67108864, 64MiB or 1GiB (0: an eighth of what the machine or its cgroup has, from 16MiB to 64MiB)")
	f.StringVar(&c.FrameAncestors, "frame-ancestors", "", "`origins` of the sites that may have the page in a frame, separated by commas, such as https://example.com or https://*.example.com; none may where it is not set")
	f.StringVar(&c.Theme, "theme", "", "`values` of the page's theme, separated by commas, each name=light or name=light/dark: "+strings.Join(web.ThemeNames(), ", ")+"; colours are written #rrggbb, the radius 12px")
	BoolVar(f, &c.Admin, "admin", false, "serve the page /admin too, for the holder of the API secret, who types it in there")
	f.TextVar(&c.LogLevel, "log-level", slog.LevelInfo, "lowest `level` to log: debug, info, warn or error")
	c.Limits.flags(f)
	c.ICE.flags(f)
	c.BeforePost.flags(f)
	f.StringVar(&c.LogFormat, "log-format", "text", "`format` of the log: text or json")
	return f
}

// Parse reads the flags of a command that has none of its own, and the environment for those that args do not set.
// Errors: flag.ErrHelp; ErrUsage.
func Parse(args []string) (c Config, err error) {
	f := c.Flags()
	if err := ParseWith(f, &c, args); err != nil {
		return c, AsUsage(err)
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("%w: unexpected argument %q", ErrUsage, f.Arg(0))
	}
	return c, nil
}

// ParseWith is Parse for a command with flags of its own: f holds those and c's. Errors: flag.ErrHelp; others as AsUsage takes them.
func ParseWith(f *flag.FlagSet, c *Config, args []string) error {
	if err := ff.Parse(f, args, ff.WithEnvVarPrefix("CHATTOK")); err != nil {
		return err
	}
	c.readSecrets()
	c.BeforePost.read()
	c.Webhooks.secret = os.Getenv(WebhookSecretVariable)
	if port := os.Getenv("PORT"); c.Addr == "" && port != "" {
		c.Addr = ":" + port
	}
	if c.Addr == "" && c.Domain != "" {
		c.Addr = defaultDomainAddr
	}
	if c.Addr == "" {
		c.Addr = defaultAddr
	}
	if c.HTTPAddr == "" && c.Domain != "" {
		c.HTTPAddr = defaultHTTPAddr
	}
	return c.validate()
}

// AsUsage marks an error of the flags' parser as one of usage, except one about the secret's length.
func AsUsage(err error) error {
	if errors.Is(err, ErrUsage) || strings.HasPrefix(err.Error(), SecretVariable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUsage, err)
}

// validate checks the settings against each other, and reads those that are languages of their own.
func (c *Config) validate() error {
	switch {
	case c.Database == "":
		return fmt.Errorf("%w: -database must name a file, or be a URL postgres://…", ErrUsage)
	case c.DatabaseConnections != 0 && (c.DatabaseConnections < 4 || c.DatabaseConnections > 1000):
		return fmt.Errorf("%w: -database-connections must be 0, or 4 to 1000", ErrUsage)
	case c.Grace <= 0 || c.Grace > time.Hour:
		return fmt.Errorf("%w: -grace must be more than 0 and at most 1h", ErrUsage)
	case c.Idle <= 0 || c.Idle > 24*time.Hour:
		return fmt.Errorf("%w: -idle must be more than 0 and at most 24h", ErrUsage)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return fmt.Errorf("%w: -tls-cert and -tls-key need each other", ErrUsage)
	case c.TLSCert != "" && c.Domain != "":
		return fmt.Errorf("%w: -domain gets its certificates itself: leave -tls-cert and -tls-key out", ErrUsage)
	case c.HTTPAddr != "" && c.TLSCert == "" && c.Domain == "":
		return fmt.Errorf("%w: -http-addr sends browsers on to HTTPS, which needs -domain or -tls-cert and -tls-key", ErrUsage)
	case c.Domain != "" && len(List(c.Domain)) == 0:
		return fmt.Errorf("%w: -domain must name a domain", ErrUsage)
	case c.GroupLimit < 0 || c.GroupLimit > 4096:
		return fmt.Errorf("%w: -group-limit must be 0 to 4096", ErrUsage)
	case c.Memory != 0 && c.Memory < memory.MinBudget:
		return fmt.Errorf("%w: -memory must be 0, or at least 8MiB", ErrUsage)
	case c.LogFormat != "text" && c.LogFormat != "json":
		return fmt.Errorf("%w: -log-format must be text or json", ErrUsage)
	}
	if err := c.validateSecrets(); err != nil {
		return err
	}
	if err := c.TokenKeys.validate(); err != nil {
		return err
	}
	if err := c.validateNames(); err != nil {
		return err
	}
	if err := opentok.ValidKey(c.APIKey); c.APIKey != "" && err != nil {
		return fmt.Errorf("%w: -api-key %w", ErrUsage, err)
	}
	if _, err := web.ParseFrameAncestors(c.FrameAncestors); err != nil {
		return fmt.Errorf("%w: -frame-ancestors: %w", ErrUsage, err)
	}
	if _, err := web.ParseTheme(c.Theme); err != nil {
		return fmt.Errorf("%w: -theme: %w", ErrUsage, err)
	}
	if err := c.ICE.validate(); err != nil {
		return err
	}
	if err := c.BeforePost.validate(); err != nil {
		return err
	}
	if err := c.validateBus(); err != nil {
		return err
	}
	if err := c.Webhooks.validate(); err != nil {
		return err
	}
	return c.Limits.validate()
}

// validateNames checks the names and origins that browsers use.
func (c *Config) validateNames() error {
	for _, domain := range List(c.Domain) {
		if _, err := edge.NewHosts([]string{domain}, nil); err != nil || strings.Contains(domain, "*") {
			return fmt.Errorf("%w: -domain (%s): %q is not a domain, such as chat.example.com", ErrUsage, Variable("domain"), domain)
		}
	}
	if _, err := edge.NewHosts(List(c.Hosts), nil); err != nil {
		return fmt.Errorf("%w: -hosts (%s): %w", ErrUsage, Variable("hosts"), err)
	}
	if _, err := edge.NewOrigins(List(c.Origins)); err != nil {
		return fmt.Errorf("%w: -origins (%s): %w", ErrUsage, Variable("origins"), err)
	}
	return nil
}

// Page returns the settings of the pages. Version is what they show as the server's.
func (c Config) Page(version string) web.Config {
	ancestors, _ := web.ParseFrameAncestors(c.FrameAncestors) // validated
	theme, _ := web.ParseTheme(c.Theme)                       // validated
	return web.Config{Version: version, FrameAncestors: ancestors, Theme: theme, Admin: c.Admin}
}

// DatabaseConfig returns the settings of the database.
func (c Config) DatabaseConfig(log *slog.Logger) db.Config {
	return db.Config{Path: c.Database, Connections: c.DatabaseConnections, Erasures: c.Erasures, Logger: log}
}

// Logger returns the log that the settings ask for, which writes to w.
func (c Config) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(boundedlog.New(slog.NewJSONHandler(w, options)))
	}
	return slog.New(boundedlog.New(slog.NewTextHandler(w, options)))
}
