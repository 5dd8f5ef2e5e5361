package main

import (
	"context"
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
	"chattok/token"
	"chattok/web"
)

// config is how the server is to be. Each field is a flag, and an environment variable CHATTOK_… of the same name.
type config struct {
	addr          string
	metricsAddr   string
	tlsCert       string
	tlsKey        string
	domain        string
	httpAddr      string
	acmeDir       string
	acmeDirectory string
	acmeEmail     string
	database      string
	bus           string
	nats          natsFiles
	connections   int
	apiSecret     string // from the environment alone: a flag would show in the list of processes
	open          bool
	origins       string
	hosts         string
	grace         time.Duration
	idle          time.Duration
	limits        limits
	ice           iceConfig
	introspection bool
	groupLimit    int
	memory        byteSize
	logLevel      slog.Level
	logFormat     string
	frames        string
	theme         string
}

// Where the server listens by default: on loopback, or, as a domain, where browsers look for it.
const (
	defaultAddr       = "127.0.0.1:8080"
	defaultDomainAddr = ":443"
	defaultHTTPAddr   = ":80"
)

// secretVariable names the environment variable of the API secret.
const secretVariable = "CHATTOK_API_SECRET"

func (c *config) flags() *flag.FlagSet {
	f := flag.NewFlagSet("chattok", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are ours to print
	f.StringVar(&c.addr, "addr", "", "`address` to serve on; where it is not set and PORT is, \":$PORT\" (default "+defaultAddr+", "+defaultDomainAddr+" with -domain)")
	f.StringVar(&c.bus, "bus", "", "`url` of what joins the nodes: NATS servers, as nats://host:port or tls://host:port, several separated by commas; or a PostgreSQL database, and that of -database where it is one and nothing is set")
	c.nats.flags(f)
	f.StringVar(&c.database, "database", "chattok.db", "`file` of the SQLite database, made where it does not exist; or a PostgreSQL server, as postgres://user@host/name or libpq's host=… dbname=…, whose password is better set in the environment")
	f.IntVar(&c.connections, "database-connections", 0, fmt.Sprintf("connections to PostgreSQL at most; 0 for %d", db.DefaultConnections))
	f.BoolVar(&c.open, "open", true, "open mode: anybody may connect to any session that no backend made, and be a guest in the lobby")
	f.StringVar(&c.origins, "origins", "", "further `origins` whose pages may use the server, separated by commas; * for any")
	f.StringVar(&c.hosts, "hosts", "", "`names` that browsers reach the server by, separated by commas, *.example.com for all below one, * for any; beside IP addresses, localhost, this machine's own name, and the hosts of -domain and -origins")
	durationVar(f, &c.grace, "grace", 20*time.Second, "`time` a connection has to come back after its last socket closed")
	durationVar(f, &c.idle, "idle", 10*time.Minute, "`time` after the last request of a connection without a socket when it ends")
	f.BoolVar(&c.introspection, "introspection", true, "answer questions about the schema")
	f.StringVar(&c.metricsAddr, "metrics-addr", "", "`address` of its own for /metrics, for a network of yours; on addr, for this machine alone, where it is not set")
	f.StringVar(&c.tlsCert, "tls-cert", "", "`file` with the certificate for HTTPS and its chain, PEM; read again when it changes")
	f.StringVar(&c.tlsKey, "tls-key", "", "`file` with the certificate's private key, PEM")
	f.StringVar(&c.domain, "domain", "", "serve HTTPS as these `names`, separated by commas, with certificates by ACME, whose authority's terms you agree to")
	f.StringVar(&c.httpAddr, "http-addr", "", "`address` that sends plain HTTP on to HTTPS; only with a certificate (default "+defaultHTTPAddr+" with -domain)")
	f.StringVar(&c.acmeDir, "acme-dir", "chattok-certificates", "`folder` where certificates by ACME and the account's key are kept")
	f.StringVar(&c.acmeDirectory, "acme-directory", autocert.DefaultACMEDirectory, "`address` of the ACME authority's directory")
	f.StringVar(&c.acmeEmail, "acme-email", "", "`address` that the ACME authority may write to")
	f.IntVar(&c.groupLimit, "group-limit", 0, "writes that share one commit at most; 0 for 256")
	f.TextVar(&c.memory, "memory", byteSize(0), "`bytes` of what is kept in memory to be fast, such as the newest entries, and of answers that wait to be taken; as 67108864, 64MiB or 1GiB (0: an eighth of what the machine or its cgroup has, from 16MiB to 64MiB)")
	f.StringVar(&c.frames, "frame-ancestors", "", "`origins` of the sites that may have the page in a frame, separated by commas, such as https://example.com or https://*.example.com; none may where it is not set")
	f.StringVar(&c.theme, "theme", "", "`values` of the page's look, separated by commas, each name=light or name=light/dark: "+strings.Join(web.ThemeNames(), ", ")+"; colours are written #rrggbb, the radius 12px")
	f.TextVar(&c.logLevel, "log-level", slog.LevelInfo, "least `level` to log: debug, info, warn or error")
	c.limits.flags(f)
	c.ice.flags(f)
	f.StringVar(&c.logFormat, "log-format", "text", "`format` of the log: text or json")
	return f
}

// parseConfig reads the flags of a command that takes nothing else, and the environment where a flag is not given.
// Errors: flag.ErrHelp; errUsage.
func parseConfig(args []string) (c config, err error) {
	f := c.flags()
	if err := parseInto(f, &c, args); err != nil {
		return c, usage(err)
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("%w: unexpected argument %q", errUsage, f.Arg(0))
	}
	return c, nil
}

// parseInto is parseConfig for a set of flags that has more than c's.
func parseInto(f *flag.FlagSet, c *config, args []string) error {
	if err := ff.Parse(f, args, ff.WithEnvVarPrefix("CHATTOK")); err != nil {
		return err
	}
	c.apiSecret = os.Getenv(secretVariable)
	if port := os.Getenv("PORT"); c.addr == "" && port != "" {
		c.addr = ":" + port
	}
	if c.addr == "" && c.domain != "" {
		c.addr = defaultDomainAddr
	}
	if c.addr == "" {
		c.addr = defaultAddr
	}
	if c.httpAddr == "" && c.domain != "" {
		c.httpAddr = defaultHTTPAddr
	}
	return c.validate()
}

func (c *config) validate() error {
	switch {
	case c.database == "":
		return fmt.Errorf("%w: -database must name a file, or be a URL postgres://…", errUsage)
	case c.connections != 0 && (c.connections < 4 || c.connections > 1000):
		return fmt.Errorf("%w: -database-connections must be 0, or 4 to 1000", errUsage)
	case c.grace <= 0 || c.grace > time.Hour:
		return fmt.Errorf("%w: -grace must be more than 0 and at most 1h", errUsage)
	case c.idle <= 0 || c.idle > 24*time.Hour:
		return fmt.Errorf("%w: -idle must be more than 0 and at most 24h", errUsage)
	case (c.tlsCert == "") != (c.tlsKey == ""):
		return fmt.Errorf("%w: -tls-cert and -tls-key need each other", errUsage)
	case c.tlsCert != "" && c.domain != "":
		return fmt.Errorf("%w: -domain gets its certificates itself: leave -tls-cert and -tls-key out", errUsage)
	case c.httpAddr != "" && c.tlsCert == "" && c.domain == "":
		return fmt.Errorf("%w: -http-addr sends browsers on to HTTPS, which needs -domain or -tls-cert and -tls-key", errUsage)
	case c.domain != "" && len(list(c.domain)) == 0:
		return fmt.Errorf("%w: -domain must name a domain", errUsage)
	case c.groupLimit < 0 || c.groupLimit > 4096:
		return fmt.Errorf("%w: -group-limit must be 0 to 4096", errUsage)
	case c.memory != 0 && c.memory < leastBudget:
		return fmt.Errorf("%w: -memory must be 0, or at least 8MiB", errUsage)
	case c.logFormat != "text" && c.logFormat != "json":
		return fmt.Errorf("%w: -log-format must be text or json", errUsage)
	case c.apiSecret != "" && len(c.apiSecret) < token.MinSecretBytes:
		return fmt.Errorf("%s must be at least %d bytes, but is %d", secretVariable, token.MinSecretBytes, len(c.apiSecret))
	}
	if _, err := web.ParseFrameAncestors(c.frames); err != nil {
		return fmt.Errorf("%w: -frame-ancestors: %w", errUsage, err)
	}
	if _, err := web.ParseTheme(c.theme); err != nil {
		return fmt.Errorf("%w: -theme: %w", errUsage, err)
	}
	if err := c.ice.validate(); err != nil {
		return err
	}
	if err := c.validateBus(); err != nil {
		return err
	}
	return c.limits.validate()
}

// page returns what the pages are to be like; validate has found no fault in it.
func (c config) page() web.Config {
	ancestors, _ := web.ParseFrameAncestors(c.frames)
	theme, _ := web.ParseTheme(c.theme)
	return web.Config{Version: version(), FrameAncestors: ancestors, Theme: theme}
}

// list parts what is separated by commas.
func list(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// secret returns the API secret: the environment's, else the one that the database keeps.
func (c config) secret(ctx context.Context, store *db.Store) ([]byte, error) {
	if c.apiSecret != "" {
		return []byte(c.apiSecret), nil
	}
	return store.Secret(ctx)
}

func (c config) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.logLevel}
	if c.logFormat == "json" {
		return slog.New(newBoundedLog(slog.NewJSONHandler(w, options)))
	}
	return slog.New(newBoundedLog(slog.NewTextHandler(w, options)))
}
