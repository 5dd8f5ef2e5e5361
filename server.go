// Command chattok passes real-time data between the people in a session: a GraphQL server with subscriptions on an
// embedded database, and the browser's side of it. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"chattok/accept"
	"chattok/bus"
	"chattok/db"
	"chattok/graph"
	"chattok/graph/edge"
	"chattok/graph/transport"
	"chattok/media"
	"chattok/rates"
	"chattok/session"
	"chattok/token"
	"chattok/web"
)

// Times of the server.
const (
	stopTimeout       = 8 * time.Second // for what was accepted to finish
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second // for a request to arrive whole, whether or not anybody reads its body
	writeTimeout      = 2 * time.Minute  // for a page or a probe to be taken
	http2Streams      = 100              // of one connection at once
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

func main() {
	tuneCollector()
	limitMemory()
	// A log whose reader has gone must not end the server: a write to it fails, and that is all.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := dispatch(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "chattok: %v\nRun 'chattok --help' for usage.\n", err)
		return 2
	default:
		fmt.Fprintf(stderr, "chattok: %v\n", err)
		return 1
	}
}

// server is everything that lives while the program serves.
type server struct {
	config   config
	log      *slog.Logger
	store    *db.Store
	bus      nodeBus     // nil where there are no other nodes
	turn     *media.TURN // nil where there is none
	service  *session.Service
	graph    *graph.Handler
	metrics  *metrics
	secured  *secured     // nil: plain HTTP
	listener net.Listener // the API and the pages
	accepted *accept.Connections
	http     []*http.Server
}

// errReplaced says that the database was replaced while it was served.
var errReplaced = errors.New("the database was replaced while it was served")

// serve runs the server until ctx is done, or something that it can't do without fails. Errors: errReplaced where it must
// begin again.
func serve(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	log := c.logger(stderr)
	s, err := newServer(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	// The service outlives ctx: it ends when the last request has.
	working, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended := make(chan error, 4)
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
	s.announce(stdout)

	var failed error
	replaced := false
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case <-s.service.Replaced():
		replaced = true
		log.Warn("the database was replaced, or put back from a copy, while it was served; closing all sockets and starting again",
			"database", db.DisplayName(c.database))
	case failed = <-ended:
	}
	s.stop()
	end()
	if failed == nil {
		failed = <-ended
	}
	if failed == nil && replaced {
		failed = errReplaced
	}
	if failed == nil {
		log.Info("stopped")
	}
	return failed
}

func newServer(ctx context.Context, c config, log *slog.Logger) (*server, error) {
	secured, err := c.tls(log)
	if err != nil {
		return nil, err
	}
	store, err := db.Open(ctx, c.databaseConfig(log))
	if err != nil {
		return nil, err
	}
	s := &server{config: c, log: log, store: store, secured: secured, accepted: c.limits.connections(log)}
	if err := s.wire(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close lets go of what newServer opened.
func (s *server) close() error {
	var errs []error
	if s.turn != nil {
		errs = append(errs, s.turn.Close())
	}
	if s.bus != nil {
		errs = append(errs, s.bus.Close())
	}
	return errors.Join(append(errs, s.store.Close())...)
}

// wire makes the parts and joins them.
func (s *server) wire(ctx context.Context) error {
	secret, err := s.config.secret(ctx, s.store)
	if err != nil {
		return err
	}
	tokens, err := token.New(secret, nil)
	if err != nil {
		return err
	}
	if err := s.store.NoteSecret(ctx, secret); err != nil {
		return err
	}
	if s.bus, err = s.openBus(ctx); err != nil {
		return err
	}
	var joined session.Bus = s.bus
	if s.bus == nil {
		joined = bus.New()
	}
	s.metrics = newMetrics()
	budget := session.NewBudget(s.config.budget())
	ice, err := s.openICE(secret)
	if err != nil {
		return err
	}
	s.service = session.NewService(session.Config{Store: s.store, Bus: joined, ICE: ice, Log: s.log, Budget: budget, Open: s.config.open,
		Grace: s.config.grace, Idle: s.config.idle, GroupLimit: s.config.groupLimit, SocketLimit: s.config.limits.perConnection, Metrics: s.metrics,
		SessionBytes: int64(s.config.limits.sessionBytes), SessionConnections: s.config.limits.sessionConnections,
		TokenConnections: s.config.limits.tokenConnections, AddressConnections: s.config.limits.addressConnections,
		MaxStay: s.config.limits.maxStay})
	s.graph = graph.New(graph.Config{Service: s.service, Tokens: tokens, Log: s.log, Introspection: s.config.introspection,
		Streams: s.config.limits.streams(s.log), Answers: transport.AnswersConfig{Budget: budget,
			MaxRequests: s.config.limits.requests, MaxRequestsPerAddress: s.config.limits.requestsPerAddress},
		Rates: rates.New(s.config.limits.rates)})
	s.metrics.observe(s.service, s.graph)
	if s.bus != nil {
		s.metrics.observeBus(s.bus)
	}
	return nil
}

// listen starts the HTTP servers; a failure of one comes by way of ended.
func (s *server) listen(ended chan<- error) error {
	if s.turn != nil {
		if err := s.turn.Listen(); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", s.config.addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.config.addr, err)
	}
	handler, plain, err := s.handler()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.listener = listener
	s.start(listener, handler, s.secured, ended)
	if s.config.httpAddr != "" {
		if err := s.listenBeside("HTTP", s.config.httpAddr, plain, ended); err != nil {
			return err
		}
	}
	if s.config.metricsAddr != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.metrics.handler())
		return s.listenBeside("metrics", s.config.metricsAddr, mux, ended)
	}
	return nil
}

// listenBeside starts a further, plain, HTTP server; where it can't, those before it end.
func (s *server) listenBeside(what, addr string, handler http.Handler, ended chan<- error) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		failed := []error{fmt.Errorf("listen on %s for %s: %w", addr, what, err)}
		for _, h := range s.http {
			failed = append(failed, h.Close())
		}
		return errors.Join(failed...)
	}
	s.start(listener, handler, nil, ended)
	return nil
}

func (s *server) start(listener net.Listener, handler http.Handler, secured *secured, ended chan<- error) {
	listener = s.accepted.Listener(listener)
	h := &http.Server{Handler: handler, ConnState: s.accepted.State, ConnContext: transport.WithConn, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: http2Streams},
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	serve := h.Serve
	if secured != nil {
		h.TLSConfig = secured.config
		serve = func(l net.Listener) error { return h.ServeTLS(l, "", "") }
	}
	s.http = append(s.http, h)
	go func() {
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			ended <- fmt.Errorf("serve on %s: %w", listener.Addr(), err)
		}
	}()
}

// probes are the paths that are answered whatever the host: a balancer asks by an address of its own making.
var probes = []string{"/healthz", "/readyz"}

// handler routes what the server answers; plain is what answers beside it over plain HTTP where it serves HTTPS.
func (s *server) handler() (handler, plain http.Handler, err error) {
	c := edge.Config{Origins: list(s.config.origins), Hosts: append(list(s.config.hosts), list(s.config.domain)...), KnownHost: s.knownHost,
		AnyHost: probes, Public: web.SDKRoot, Logger: s.log}
	e, err := edge.New(c)
	if err != nil {
		return nil, nil, fmt.Errorf("CHATTOK_ORIGINS or CHATTOK_HOSTS: %w", err)
	}
	mux := http.NewServeMux()
	api := e.SameSite(s.graph)
	for _, path := range []string{"/graphql", "/query"} { // the second is where gqlgen's projects and their clients expect it
		mux.Handle(path, api)
		mux.Handle(path+"/{$}", api) // as some write it, and some frameworks' links do
	}
	others := http.NewServeMux()
	mux.Handle("/", taken(others))
	others.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerProbe(w, nil, nil) })
	others.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		answerProbe(w, s.service.Ready(r.Context()), s.service.Degraded())
	})
	if s.config.metricsAddr == "" {
		others.Handle("GET /metrics", fromThisMachine(s.metrics.handler()))
	}
	others.Handle("/", edge.PageHeaders(web.Handler(s.config.page())))
	if s.secured != nil {
		allowed := e.AllowedHost
		if domains, err := edge.NewHosts(s.secured.domains, nil); err == nil && len(s.secured.domains) > 0 {
			allowed = domains.Named // there are certificates for these alone
		}
		plain = s.secured.plain(redirectToHTTPS(s.config.addr, allowed))
	}
	return e.Handler(mux), plain, nil
}

// taken gives clients their time to take what is no answer of the API, which has deadlines of its own: its streams last.
func taken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
		next.ServeHTTP(w, r)
	})
}

// answerProbe answers a health probe. why is nil where the server can serve; degraded is what does not work meanwhile,
// and no reason to send its clients elsewhere: most likely it is the same there (docs/decisions/bus.md).
func answerProbe(w http.ResponseWriter, why, degraded error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	answer := "ok"
	switch {
	case why != nil:
		answer = safeMessage(why, "not ready")
		w.WriteHeader(http.StatusServiceUnavailable)
	case degraded != nil:
		answer = "degraded: " + safeMessage(degraded, "not all works")
	}
	_, _ = io.WriteString(w, answer+"\n")
}

// safeMessage is what everyone may read of an error: its cause is not.
func safeMessage(err error, otherwise string) string {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return e.Message
	}
	return otherwise
}

// stop ends the servers: no new work, sockets closed so that their clients come back, requests answered.
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
		s.log.Warn("not everything finished in time", "error", err)
	}
}

// isLoopback says whether an address can be reached from this machine alone.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
