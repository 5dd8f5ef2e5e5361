package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"chattok/internal/client"
	"chattok/internal/config"
	"chattok/token"
)

// Exit codes of the commands that use a server's API, beside 0, 1 for other failures and 2 for wrong usage.
const (
	exitUnreachable = 3   // the server does not answer, or has no time
	exitRefused     = 4   // the secret is not the server's
	exitNotFound    = 5   // there is no such session, connection or entry
	exitInterrupted = 130 // by SIGINT or SIGTERM, before it was done
)

// remote are the settings of a command that uses the API of a server, which may run on another machine.
type remote struct {
	config.Config
	url        string
	secretFile string
	json       bool
}

// flags adds the flags of such a command to the server's settings, which give the defaults. json says what -json is for; "" for none.
func (r *remote) flags(json string) *flag.FlagSet {
	f := r.Config.Flags()
	f.StringVar(&r.url, "url", "", "`address` of the server, such as https://chat.example (default that of the server with these settings on this machine)")
	f.StringVar(&r.secretFile, "secret-file", "", "`file` with the API secret, where "+config.SecretVariable+" is not set (default the database's own, for a server on this machine)")
	if json != "" {
		f.BoolVar(&r.json, "json", false, json)
	}
	return f
}

// parse reads the arguments of a command that may have its flags before and after the others, which it returns.
func (r *remote) parse(f *flag.FlagSet, args []string) (others []string, err error) {
	flags, others := splitArgs(f, args)
	if err := config.ParseWith(f, &r.Config, flags); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, config.AsUsage(err)
	}
	return others, nil
}

// splitArgs parts the flags, with their values, from the other arguments. All after "--" are others.
func splitArgs(f *flag.FlagSet, args []string) (flags, others []string) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return flags, append(others, args...)
		}
		if len(arg) < 2 || arg[0] != '-' {
			others = append(others, arg)
			continue
		}
		flags = append(flags, arg)
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		known := f.Lookup(name)
		if known == nil || hasValue || len(args) == 0 {
			continue
		}
		if b, ok := known.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
			flags, args = append(flags, args[0]), args[1:]
		}
	}
	return flags, others
}

// patience is for how long an operation is tried again while the server does not answer.
const patience = 30 * time.Second

// client returns a client of the server.
func (r *remote) client(ctx context.Context, p Program) (*client.Client, error) {
	address, here := r.url, false
	if address == "" {
		address, here = ownURL(r.Config), true
	}
	secret, err := r.secret(ctx, p, here || isLoopback(address))
	if err != nil {
		return nil, err
	}
	var trusts *tls.Config
	if here && r.TLSCert != "" {
		if trusts, err = only(r.TLSCert); err != nil {
			return nil, err
		}
	}
	c, err := client.New(client.Config{URL: address, Secret: string(secret), UserAgent: "chattok/" + p.Version, TLS: trusts, Patience: patience})
	if err != nil {
		return nil, fmt.Errorf("%w: -url: %w", config.ErrUsage, err)
	}
	if strings.HasPrefix(address, "http://") && !isLoopback(address) {
		fmt.Fprintln(p.Stderr, "chattok: the API secret goes over the network without encryption; use https:// where the network is not your own")
	}
	return c, nil
}

// ownURL returns the address of the server with these settings on this machine.
func ownURL(c config.Config) string {
	if domains := config.List(c.Domain); len(domains) > 0 {
		return "https://" + domains[0]
	}
	ready, _ := probe(c)
	return strings.TrimSuffix(ready, "/readyz")
}

// only trusts the certificate that a file begins with, and no other. It is for the server's public names, while the server is asked by
// an address of this machine.
func only(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the server's certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("-tls-cert: %s does not begin with a certificate", file)
	}
	return &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) == 0 || !bytes.Equal(c.PeerCertificates[0].Raw, block.Bytes) {
				return &tls.CertificateVerificationError{UnverifiedCertificates: c.PeerCertificates, Err: errors.New("it is another one than that of -tls-cert")}
			}
			return nil
		},
	}, nil
}

// isLoopback says whether a URL leads to this machine.
func isLoopback(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := parsed.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// secret returns the API secret: the environment's, the file's, or the database's own where the server is on this machine. The
// database's is never sent to another one.
func (r *remote) secret(ctx context.Context, p Program, here bool) ([]byte, error) {
	if r.APISecret != "" {
		return []byte(r.APISecret), nil
	}
	if r.secretFile != "" {
		text, err := os.ReadFile(r.secretFile)
		if err != nil {
			return nil, fmt.Errorf("read the API secret: %w", err)
		}
		if text = bytes.TrimSpace(text); len(text) < token.MinSecretBytes {
			return nil, fmt.Errorf("-secret-file: the API secret must be at least %d bytes, but is %d", token.MinSecretBytes, len(text))
		}
		return text, nil
	}
	if !here {
		return nil, fmt.Errorf("the API secret is needed: set %s to that of the server, or -secret-file", config.SecretVariable)
	}
	secret, err := p.readSecret(ctx, r.Config, nil)
	if err != nil {
		return nil, fmt.Errorf("the API secret is needed: set %s to the server's, or -secret-file, or name the server's -database: %w", config.SecretVariable, err)
	}
	return secret, nil
}

// exit is an error with an exit code of its own. It is quiet where err is nil.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprint("exit code ", e.code)
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// codeOf returns the exit code of an outcome that is a failure.
func codeOf(err error) int {
	if own, ok := errors.AsType[exit](err); ok {
		return own.code
	}
	return 1
}

// interrupted is the end of a command that was interrupted and has to say what it did not do.
func interrupted(format string, args ...any) error {
	return exit{exitInterrupted, fmt.Errorf("interrupted: "+format, args...)}
}

// outcome gives the error of a command that uses the API its exit code. A command that was interrupted says nothing, and neither does
// one whose reader has closed the pipe.
func outcome(ctx context.Context, err error) error {
	if own, ok := errors.AsType[exit](err); ok {
		return own
	}
	switch code := client.CodeOf(err); {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, config.ErrUsage):
		return err
	case isClosedPipe(err):
		return nil
	case ctx.Err() != nil:
		return exit{code: exitInterrupted}
	case errors.Is(err, client.ErrUnreachable), code == "UNAVAILABLE", code == "RATE_LIMITED":
		return exit{exitUnreachable, err}
	case code == "UNAUTHENTICATED":
		return exit{exitRefused, err}
	case code == "NOT_FOUND":
		return exit{exitNotFound, err}
	}
	return err
}

// isClosedPipe says whether the reader of the output has gone.
func isClosedPipe(err error) bool {
	return !errors.Is(err, client.ErrUnreachable) && (errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe))
}

// printJSON prints a value as one line.
func (p Program) printJSON(value any) error {
	e := json.NewEncoder(p.Stdout)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// clean makes a text safe for a terminal's line: characters that control the terminal, or the order of the text, are shown by their
// number.
func clean(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\n':
			b.WriteString("⏎ ")
		case c == '\t':
			b.WriteByte(' ')
		case c < 0x20, c == 0x7f, c >= 0x80 && c < 0xa0, c >= 0x2028 && c <= 0x202e, c >= 0x2066 && c <= 0x2069, c == 0x061c, c == 0x200e, c == 0x200f:
			fmt.Fprintf(&b, "<U+%04X>", c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// needSession returns an error where no session is named.
func needSession(id string) error {
	if id == "" {
		return fmt.Errorf("%w: -session must name a session", config.ErrUsage)
	}
	return nil
}

// noMore refuses arguments beside the flags.
func noMore(others []string) error {
	if len(others) > 0 {
		return fmt.Errorf("%w: unexpected argument %q", config.ErrUsage, others[0])
	}
	return nil
}

// localTime returns a time of the API as people of this machine read it.
func localTime(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return clean(text)
	}
	return at.Local().Format(time.DateTime)
}

// orDash returns a text for a column of a table.
func orDash(text *string) string {
	if text == nil || *text == "" {
		return "-"
	}
	return clean(*text)
}
