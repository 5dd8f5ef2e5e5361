package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// maxBytes bounds the text of a set.
const maxBytes = 1 << 20

// source is a file or a server that has the keys.
type source interface {
	// read returns the text of the set. Errors: errUnchanged where it is the same as before.
	read(ctx context.Context) ([]byte, error)
	// name is the source as the log shows it.
	name() string
	// local says whether the source is on this machine, so that it must be there at the start.
	local() bool
	// interval is the time from one reading to the next.
	interval() time.Duration
	// pause is the least time from one reading to another that a token with an unknown key asks for.
	pause() time.Duration
}

var errUnchanged = errors.New("it has not changed")

// newSource returns the source that c names.
func newSource(c Config) (source, error) {
	if err := Validate(c.Source); err != nil {
		return nil, err
	}
	if IsURL(c.Source) {
		return newServer(c.Source, c.Roots), nil
	}
	return &file{path: c.Source}, nil
}

// IsURL says whether a source is a server; otherwise it is a file.
func IsURL(source string) bool { return strings.Contains(source, "://") }

// Validate checks the form of a source: a path, or a URL of a server over HTTPS. The errors show no part of it, since it may hold a
// password.
func Validate(source string) error {
	if !IsURL(source) {
		if source == "" {
			return errors.New("must name a file, or be a URL https://…")
		}
		return nil
	}
	u, err := url.Parse(source)
	switch {
	case err != nil:
		return errors.New("must be a file, or a URL https://host/path")
	case u.Scheme != "https":
		return errors.New("must be a file, or a URL that begins with https://")
	case u.Hostname() == "":
		return errors.New("must name a host")
	case u.User != nil:
		return errors.New("must have no user and no password: the keys are public")
	case u.Fragment != "":
		return errors.New("must have no part after #")
	}
	return nil
}

// readBounded reads all there is, up to maxBytes.
func readBounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", maxBytes)
	}
	return text, nil
}
