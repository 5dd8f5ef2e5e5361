package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strings"
	"time"

	"chattok/db"
	"chattok/graph/edge"
	"chattok/session"
	"chattok/token"
)

// errUsage is wrapped by errors in how the program was called.
var errUsage = errors.New("wrong usage")

// dispatch runs the command that the arguments name.
func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "", "serve":
		return serveCommand(ctx, args, stdout, stderr)
	case "secret":
		return secretCommand(ctx, args, stdout, stderr)
	case "token":
		return tokenCommand(ctx, args, stdout, stderr)
	case "migrate":
		return migrateCommand(ctx, args, stdout, stderr)
	case "copy":
		return copyCommand(ctx, args, stdout, stderr)
	case "healthcheck":
		return healthCommand(ctx, args, stdout)
	case "help":
		return printHelp(stdout)
	case "version":
		return printVersion(stdout)
	}
	return fmt.Errorf("%w: there is no command %q", errUsage, command)
}

func serveCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	for _, arg := range args {
		switch arg {
		case "--version", "-version":
			return printVersion(stdout)
		case "--help", "-help", "-h":
			return printHelp(stdout)
		}
	}
	c, err := parseConfig(args)
	if err != nil {
		return err
	}
	for {
		err := serve(ctx, c, stdout, stderr)
		if !errors.Is(err, errReplaced) {
			return err
		}
		if ctx.Err() != nil { // it was to stop anyway
			return nil
		}
	}
}

// usage marks an error of the flags' parser as one of usage.
func usage(err error) error {
	if errors.Is(err, errUsage) || strings.HasPrefix(err.Error(), secretVariable) {
		return err
	}
	return fmt.Errorf("%w: %w", errUsage, err)
}

// secretCommand prints the API secret, also beside a running server.
func secretCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parseConfig(args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(stdout, "secret", nil)
	}
	if err != nil {
		return err
	}
	secret, err := readSecret(ctx, c, stderr, nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s\n", secret)
	return err
}

// errOtherSecret says that the database's own secret is not what signs tokens.
var errOtherSecret = fmt.Errorf("the server that uses this database was started with another secret than the database's own, which is worth nothing then: set %s here to what it is there", secretVariable)

// readSecret returns the secret in force: the environment's, else the one that the database keeps, unless a server was
// started with another one. look, if it is not nil, looks at the database, where there is one.
func readSecret(ctx context.Context, c config, stderr io.Writer, look func(store *db.Store) error) (secret []byte, err error) {
	store, err := db.Open(ctx, db.Config{Path: c.database, ReadOnly: true})
	if err != nil && c.apiSecret != "" {
		return []byte(c.apiSecret), nil // which needs no database, as on a backend's machine
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if secret, err = c.secret(ctx, store); err != nil {
		return nil, err
	}
	inForce, err := store.SecretInForce(ctx, secret)
	switch {
	case err != nil:
		return nil, err
	case !inForce && c.apiSecret == "":
		return nil, errOtherSecret
	case !inForce:
		fmt.Fprintf(stderr, "chattok: the server that uses this database was started with another secret than %s is here\n", secretVariable)
	}
	if look != nil {
		err = look(store)
	}
	return secret, err
}

// tokenCommand mints a session token, also beside a running server.
func tokenCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c config
	f := c.flags()
	id := f.String("session", "", "`id` of the session that the token admits to")
	role := f.String("role", string(session.RolePublisher), "what its holder may do: SUBSCRIBER, PUBLISHER or MODERATOR")
	data := f.String("data", "", "what the others see of its holder")
	var expires time.Duration
	durationVar(f, &expires, "expires", 24*time.Hour, "for how long connect accepts it")
	err := parseInto(f, &c, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(stdout, "token", f)
	}
	if err != nil {
		return usage(err)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q; a role is given as -role MODERATOR", errUsage, f.Arg(0))
	}
	grant := session.SessionGrant{SessionID: *id, Role: session.Role(strings.ToUpper(*role)), ExpiresAt: time.Now().Add(expires)}
	if *data != "" {
		grant.Data = data
	}
	if err := grant.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if expires <= 0 {
		return fmt.Errorf("%w: -expires must be more than 0", errUsage)
	}
	secret, err := readSecret(ctx, c, stderr, func(store *db.Store) error { return describeSession(ctx, store, *id, stderr) })
	if err != nil {
		return err
	}
	tokens, err := token.New(secret, nil)
	if err != nil {
		return err
	}
	raw, err := tokens.MintSession(grant)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, raw)
	return err
}

// describeSession says what a token for a session is worth, where that is less than it seems.
func describeSession(ctx context.Context, store *db.Store, id string, stderr io.Writer) error {
	switch found, err := store.Session(ctx, id); {
	case session.CodeOf(err) == session.CodeNotFound:
		fmt.Fprintf(stderr, "chattok: there is no session %q yet: connect refuses the token until createSession has made it\n", id)
	case err != nil:
		return err
	case !found.TokenRequired:
		fmt.Fprintf(stderr, "chattok: session %q was made on first use: in open mode anybody may connect to it without a token; createSession takes it over when nobody is in it\n", id)
	}
	return nil
}

// announce says where to go.
func (s *server) announce(w io.Writer) {
	base := s.address()
	fmt.Fprintf(w, "ChatTok %s is ready at %s\n  playground  %s/playground\n  API         %s/graphql\n  database    %s\n", version(), base, base, base, db.DisplayName(s.config.database))
	if s.turn != nil {
		fmt.Fprintf(w, "  TURN        %s\n", s.turn.Addr())
		if s.config.open && !s.turn.Addr().Addr().IsLoopback() {
			s.log.Warn("open mode with a TURN server that others can reach: anybody may connect, and relay through it; CHATTOK_OPEN=false asks for tokens", "addr", s.turn.Addr().String())
		}
	}
	if s.config.open && !isLoopback(s.listener.Addr()) {
		s.log.Warn("open mode on an address that others can reach: anybody may connect, and post in the lobby; CHATTOK_OPEN=false asks for tokens", "addr", s.listener.Addr().String())
	}
	if s.config.open && isLoopback(s.listener.Addr()) && edge.BeyondLoopback(list(s.config.origins)) {
		s.log.Warn("open mode behind a proxy that others can reach, as CHATTOK_ORIGINS has it: anybody may connect, and post in the lobby; CHATTOK_OPEN=false asks for tokens", "origins", s.config.origins)
	}
}

// address returns where a browser finds the server.
func (s *server) address() string {
	addr := s.listener.Addr().String()
	switch {
	case s.secured == nil:
		return "http://" + addr
	case len(s.secured.domains) == 0:
		return "https://" + addr
	}
	if _, port, err := net.SplitHostPort(addr); err == nil && port != "443" {
		return "https://" + net.JoinHostPort(s.secured.domains[0], port)
	}
	return "https://" + s.secured.domains[0]
}

func printVersion(w io.Writer) error {
	_, err := fmt.Fprintln(w, "chattok", version())
	return err
}

// release is set by the linker for a release.
var release string

// next is the version that this source is, or leads to.
//
//go:embed VERSION
var next string

// version returns the release; for any other build the version that its source leads to, marked as a development build
// with the commit where that is known.
func version() string {
	if release != "" {
		return release
	}
	development := strings.TrimSpace(next) + "-dev"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return development + "+" + s.Value[:12]
			}
		}
	}
	return development
}

func printHelp(w io.Writer) error {
	var c config
	var b strings.Builder
	b.WriteString("ChatTok passes real-time data between the people in a session.\n\n")
	printUsage(&b)
	b.WriteString("\nEach flag, and the environment variable that stands for it:\n")
	printFlags(&b, c.flags())
	fmt.Fprintf(&b, `
%s, which has no flag, is the secret that signs tokens: %d bytes at least.
Where it is not set, one is made at the first start and kept in the database.
`, secretVariable, token.MinSecretBytes)
	_, err := io.WriteString(w, b.String())
	return err
}
