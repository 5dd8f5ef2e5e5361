// Package jwks reads the public keys that session tokens may be signed with: a JSON Web Key Set (RFC 7517) in a file, or at an HTTPS
// server. A Set implements token.PublicKeys.
//
// One goroutine, Run, reads. It does so at an interval, which takes a key that was removed out of use, and when a token names a key
// that is not known, for all who wait for it at once. Such readings are at least a pause apart, so that made-up names cause no more
// of them. A reading that failed is repeated after growing pauses; meanwhile the keys of the last good one go on being good.
//
// Reading order: jwks.go source.go server.go file.go keys.go.
package jwks

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"

	"chattok/internal/backoff"
	"chattok/token"
)

// maxWait is how long a token waits for the keys to be read.
const maxWait = 3 * time.Second

// Config names a set of keys.
type Config struct {
	// Source is the file's path, or a URL that begins with https://.
	Source string
	// Roots are the authorities that may have issued the server's certificate; nil for the system's.
	Roots *x509.CertPool
	Log   *slog.Logger // nil: discarded
}

// Set is a set of public keys. Its methods are safe for concurrent use.
type Set struct {
	source source
	log    *slog.Logger
	again  backoff.Backoff // between readings that fail
	wanted chan struct{}   // has room for one; gets a value when a token asks for a reading

	mu      sync.Mutex
	keys    []key         // of the last good reading
	fault   error         // of the last reading; nil after a good one
	began   time.Time     // when the last reading began, or was asked for
	reading chan struct{} // closed when the reading under way ends; nil where there is none
	warned  time.Time     // when the log last had a fault; zero where there was none since the last good reading
}

var _ token.PublicKeys = (*Set)(nil)

// errNotRead is the fault of a set that Run has not read yet.
var errNotRead = errors.New("the keys have not been read yet")

// New returns a Set that Run keeps up to date. A file is read at once; a server is first asked by Run, so that one that is away
// holds up no start. Errors: those of Validate; a file that can't be read, or that has no usable key.
func New(c Config) (*Set, error) {
	from, err := newSource(c)
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := newSet(from, c.Log)
	if from.local() {
		if err := s.first(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func newSet(from source, log *slog.Logger) *Set {
	return &Set{source: from, log: log, again: backoff.Backoff{First: time.Second, Longest: max(from.pause(), time.Second), Random: true},
		wanted: make(chan struct{}, 1), fault: errNotRead}
}

// first reads the keys before there is anybody to use them.
func (s *Set) first() error {
	text, err := s.source.read(context.Background())
	if err != nil {
		return err
	}
	keys, unusable, err := parse(text)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return noUsableKey(unusable)
	}
	s.keys, s.fault, s.began = keys, nil, time.Now()
	return nil
}

// Run reads the keys until ctx is done.
func (s *Set) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	if s.source.local() {
		timer.Reset(s.source.interval())
	}
	defer timer.Stop()
	failed := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wanted:
		}
		if s.read(ctx) {
			failed = 0
			timer.Reset(s.source.interval())
		} else {
			failed++
			timer.Reset(s.again.Wait(failed))
		}
	}
}

// Find implements token.PublicKeys.
func (s *Set) Find(ctx context.Context, kid string) ([]token.PublicKey, error) {
	s.mu.Lock()
	found := s.named(kid)
	var wait <-chan struct{}
	if len(found) == 0 {
		wait = s.ask()
	}
	fault := s.fault
	s.mu.Unlock()
	switch {
	case len(found) > 0:
		return found, nil
	case wait == nil:
		return nil, fault
	}
	late := time.NewTimer(maxWait)
	defer late.Stop()
	select {
	case <-wait:
	case <-late.C:
		return nil, errors.New("the keys are not read in time")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found = s.named(kid); len(found) > 0 {
		return found, nil
	}
	return nil, s.fault
}

// named returns the keys with an id, all keys for the id "". The caller holds mu.
func (s *Set) named(kid string) (found []token.PublicKey) {
	for _, k := range s.keys {
		if kid == "" || k.id == kid {
			found = append(found, k.PublicKey)
		}
	}
	return found
}

// ask returns the end of the reading that a token with an unknown key may wait for, and asks Run for one where none is under way; nil
// where it is too soon for another one. The caller holds mu.
func (s *Set) ask() <-chan struct{} {
	if s.reading != nil {
		return s.reading
	}
	now := time.Now()
	if !s.began.IsZero() && now.Sub(s.began) < s.source.pause() {
		return nil
	}
	s.reading, s.began = make(chan struct{}), now
	s.wanted <- struct{}{} // there is room: begin takes the value of every reading that is asked for
	return s.reading
}

// begin marks that a reading is under way, which may be one that was asked for.
func (s *Set) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.wanted:
	default:
	}
	if s.reading == nil {
		s.reading = make(chan struct{})
	}
	s.began = time.Now()
}

// read reads the keys once, and says whether that went well.
func (s *Set) read(ctx context.Context) bool {
	s.begin()
	text, err := s.source.read(ctx)
	same := errors.Is(err, errUnchanged)
	var keys []key
	var unusable []string
	if err == nil {
		keys, unusable, err = parse(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.reading)
	s.reading = nil
	switch {
	case same:
		return s.fault == nil
	case err == nil:
		s.accept(keys, unusable)
		return true
	case ctx.Err() == nil:
		s.fault = err
		s.warn(err)
	}
	return false
}

// accept puts the keys of a good reading in force. The caller holds mu.
func (s *Set) accept(keys []key, unusable []string) {
	changed := !sameKeys(s.keys, keys)
	if len(keys) == 0 && (changed || s.fault != nil) {
		s.log.Warn("no session token under a public key is accepted", "source", s.source.name(), "error", noUsableKey(unusable))
	} else if changed || !s.warned.IsZero() {
		s.log.Info("the public keys of session tokens were read", "source", s.source.name(), "keys", len(keys), "passed_over", len(unusable))
	}
	s.keys, s.fault, s.warned = keys, nil, time.Time{}
}

// warnEvery is the least time between two warnings of the same trouble.
const warnEvery = time.Minute

// warn logs a fault, unless one was logged a short while ago. The caller holds mu.
func (s *Set) warn(err error) {
	now := time.Now()
	if !s.warned.IsZero() && now.Sub(s.warned) < warnEvery {
		return
	}
	s.warned = now
	s.log.Warn("the public keys of session tokens can't be read; the keys from before go on", "source", s.source.name(), "keys", len(s.keys), "error", err)
}
