// Package server is one node while it serves: it makes the parts from the settings, joins them, listens, and ends them in order.
//
// Reading order: server.go traces.go bus.go ice.go before_post.go tokens.go webhooks.go listen.go announce.go routes.go hosts.go probe.go
// addresses.go openfiles_unix.go openfiles_other.go.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"chattok/accept"
	"chattok/beforepost"
	"chattok/bus"
	"chattok/db"
	"chattok/graph"
	"chattok/graph/transport"
	"chattok/internal/budget"
	"chattok/internal/certificates"
	"chattok/internal/config"
	"chattok/internal/memory"
	"chattok/internal/metrics"
	"chattok/internal/tracing"
	"chattok/media"
	"chattok/opentok"
	"chattok/rates"
	"chattok/session"
	"chattok/webhook"
)

// ErrReplaced says that the database was replaced, or put back from a copy, while it was served. The server must begin again.
var ErrReplaced = errors.New("the database was replaced while it was served")

// stopTimeout is the time for requests and sockets to end when the server stops.
const stopTimeout = 8 * time.Second

// Config is what a server needs to know.
type Config struct {
	config.Config
	Version string
	Log     *slog.Logger
	Banner  io.Writer // gets some lines for people when the server is ready
}

// server is everything that lives while a node serves.
type server struct {
	Config
	store        *db.Store
	bus          nodeBus          // nil where there are no other nodes
	turn         *media.TURN      // nil where the built-in TURN server is off
	endKeys      func()           // ends the reading of public keys; nil where there are none
	beforePost   *beforepost.Hook // nil where no backend is asked before a post
	service      *session.Service
	graph        *graph.Handler
	opentok      *opentok.Handler
	metrics      *metrics.Metrics
	history      *metrics.History
	tracer       *tracing.Tracer // nil where nothing is traced
	webhooks     *webhook.Sender
	certificates *certificates.Certificates // nil for plain HTTP
	listener     net.Listener               // of the API and the pages
	accepted     *accept.Connections
	http         []*http.Server
}

// Run serves until ctx is done or a part that the server needs has failed, and returns when everything has ended. Errors:
// ErrReplaced; failures to open or to serve.
func Run(ctx context.Context, c Config) (err error) {
	s, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	// The service outlives ctx: requests that are under way at the end still need it.
	working, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended := make(chan error, 4) // the service, and up to three HTTP servers
	go func() { ended <- s.service.Run(working) }()
	select {
	case <-s.service.Started():
	case err := <-ended:
		return err
	}
	if err := s.listen(ended); err != nil {
		end()
		return errors.Join(err, <-ended)
	}
	s.announce()
	endWebhooks := s.sendWebhooks(ctx)
	var sampling sync.WaitGroup
	sampling.Go(func() { s.history.Run(working) })
	defer sampling.Wait()

	var failed error
	replaced := false
	select {
	case <-ctx.Done():
		s.Log.Info("stopping")
	case <-s.service.Replaced():
		replaced = true
		s.Log.Warn("the database was replaced, or put back from a copy, while it was served; closing all sockets and starting again",
			"database", db.DisplayName(s.Database))
	case failed = <-ended:
	}
	s.stop()
	endWebhooks()
	end()
	if failed == nil {
		failed = <-ended
	}
	if failed == nil && replaced {
		failed = ErrReplaced
	}
	if failed == nil {
		s.Log.Info("stopped")
	}
	return failed
}

// open opens the database and the bus, and makes the parts that stand on them.
func open(ctx context.Context, c Config) (*server, error) {
	certificates, err := certificates.New(certificates.Config{CertFile: c.TLSCert, KeyFile: c.TLSKey, Domains: config.List(c.Domain),
		Folder: c.ACMEDir, Directory: c.ACMEDirectory, Email: c.ACMEEmail, Log: c.Log})
	if err != nil {
		return nil, err
	}
	store, err := db.Open(ctx, c.DatabaseConfig(c.Log))
	if err != nil {
		return nil, err
	}
	s := &server{Config: c, store: store, certificates: certificates, accepted: connections(c.Limits, c.Log)}
	if err := s.wire(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close closes what open opened, the database last.
func (s *server) close() error {
	var errs []error
	if s.endKeys != nil {
		s.endKeys()
	}
	if s.turn != nil {
		errs = append(errs, s.turn.Close())
	}
	if s.bus != nil {
		errs = append(errs, s.bus.Close())
	}
	if s.beforePost != nil {
		s.beforePost.Close()
	}
	s.closeTraces()
	return errors.Join(append(errs, s.store.Close())...)
}

// wire makes the domain and its edge, and joins them with the store and the bus.
func (s *server) wire(ctx context.Context) error {
	secrets, err := s.Secrets(ctx, s.store)
	if err != nil {
		return err
	}
	tokens, err := s.openTokens(secrets)
	if err != nil {
		return err
	}
	if err := s.store.NoteSecret(ctx, secrets.Present); err != nil {
		return err
	}
	libraries, err := s.libraryTokens(secrets)
	if err != nil {
		return err
	}
	userKey, err := s.store.UserKey(ctx)
	if err != nil {
		return err
	}
	if s.bus, err = s.openBus(ctx); err != nil {
		return err
	}
	var joined session.Bus = s.bus
	if s.bus == nil {
		joined = bus.New()
	}
	s.metrics = metrics.New(metrics.Build{Version: s.Version})
	ice, err := s.openICE(secrets)
	if err != nil {
		return err
	}
	reviewer, err := s.openBeforePost()
	if err != nil {
		return err
	}
	node := rand.Text()
	s.openTraces(ctx, node)
	limits := s.Limits
	shared := budget.New(memory.Budget(int64(s.Memory)))
	s.service = session.NewService(session.Config{Store: s.store, Bus: joined, ICE: ice, Log: s.Log, Budget: shared, UserKey: userKey, Open: s.Open,
		Grace: s.Grace, Idle: s.Idle, GroupLimit: s.GroupLimit, SocketLimit: limits.SocketsPerConnection, Metrics: s.metrics,
		SessionBytes: int64(limits.SessionBytes), EditWindow: limits.EditWindow, Retention: limits.Retention, SessionConnections: limits.SessionConnections,
		TokenConnections: limits.TokenConnections, AddressConnections: limits.AddressConnections,
		MaxStay: limits.MaxStay, WebhookPrivate: s.Webhooks.Private, WebhookNamed: s.Webhooks.URL != "",
		Reviewer: reviewer, AllowNotReviewed: s.BeforePost.AllowFailed,
		Node: node, Version: s.Version, Tracer: s.domainTracer(), Load: s.load, Samples: func() []*session.Sample { return s.history.Samples() }})
	s.openWebhooks()
	s.opentok = opentok.New(opentok.Config{Tokens: libraries, Domain: s.service, Log: s.Log})
	requests, ofAddress := mostRequests(limits.Requests, limits.RequestsPerAddress, memory.Requests())
	s.graph = graph.New(graph.Config{Service: s.service, Tokens: tokens, OtherTokens: otherTokens(libraries), Log: s.Log, Introspection: s.Introspection, Version: s.Version, TrustedProxy: trustedProxies(limits).Trusted,
		Streams: streamConfig(limits, s.Log), Answers: transport.AnswersConfig{Budget: shared,
			MaxRequests: requests, MaxRequestsPerAddress: ofAddress},
		Rates: rates.New(limits.Rates), Metrics: s.metrics, Tracer: s.edgeTracer()})
	s.metrics.Observe(s.service, s.graph)
	s.history = s.metrics.History(metrics.Observed{Stats: s.service.Stats, Load: s.load, Deliveries: s.graph.Streams().Deliveries,
		DatabaseBytes: s.store.Size})
	if s.bus != nil {
		s.metrics.ObserveBus(s.bus)
	}
	return nil
}

// load returns what is open on this node.
func (s *server) load() session.NodeLoad {
	streams := s.graph.Streams()
	return session.NodeLoad{Sockets: streams.Sockets(), HTTPStreams: streams.HTTPStreams(), Subscriptions: streams.Subscriptions()}
}

// stop ends the HTTP servers: no new requests, sockets closed with a code that makes clients come back, requests answered.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	done := make(chan error)
	go func() { done <- s.graph.Shutdown(ctx) }()
	var failed []error
	for _, h := range s.http {
		if err := h.Shutdown(ctx); err != nil {
			failed = append(failed, err, h.Close())
		}
	}
	if err := errors.Join(append(failed, <-done)...); err != nil {
		s.Log.Warn("not everything finished in time", "error", err)
	}
}
