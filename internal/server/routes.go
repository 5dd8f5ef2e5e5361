package server

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"chattok/graph/edge"
	"chattok/graph/transport"
	"chattok/internal/certificates"
	"chattok/internal/config"
	"chattok/opentok"
	"chattok/rails"
	"chattok/web"
)

// probes are answered under every host name: a load balancer asks by an address of its own.
var probes = []string{"/healthz", "/readyz"}

// handler returns the routes of the server, and, where it serves HTTPS, the handler for plain HTTP beside it.
func (s *server) handler() (handler, plain http.Handler, err error) {
	c := edge.Config{Origins: config.List(s.Origins), Hosts: append(config.List(s.Hosts), config.List(s.Domain)...), KnownHost: s.knownHost,
		AnyHost: probes, Public: web.SDKRoot, Logger: s.Log, Refused: s.metrics.OriginRefused}
	e, err := edge.New(c)
	if err != nil {
		return nil, nil, fmt.Errorf("CHATTOK_ORIGINS or CHATTOK_HOSTS: %w", err)
	}
	mux := http.NewServeMux()
	api := edge.Versioned(s.Version, e.SameSite(s.graph))
	for _, path := range []string{"/graphql", "/query"} { // gqlgen's projects serve on the second, and their clients expect it
		mux.Handle(path, api)
		mux.Handle(path+"/{$}", api) // some frameworks add the slash
	}
	others := http.NewServeMux()
	mux.Handle("/", s.bounded(s.Limits.Requests, others))
	for _, path := range probes { // answered however many others ask
		mux.Handle("GET "+path, s.bounded(math.MaxInt, others))
	}
	if s.RailsRoutes {
		others.Handle(rails.Root, edge.Versioned(s.Version, rails.New(s.graph)))
	}
	others.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerProbe(w, nil, nil) })
	others.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		answerProbe(w, s.service.Ready(r.Context()), s.service.Degraded())
	})
	if s.MetricsAddr == "" {
		others.Handle("GET /metrics", fromThisMachine(s.metrics.Handler()))
	}
	others.Handle("/", edge.PageHeaders(web.Handler(s.Page(s.Version))))
	if s.certificates != nil {
		allowed := e.AllowedHost
		if domains, err := edge.NewHosts(s.certificates.Domains, nil); err == nil && len(s.certificates.Domains) > 0 {
			allowed = domains.Named // only these have certificates
		}
		plain = s.certificates.Plain(certificates.Redirect(s.Addr, allowed))
	}
	return e.Handler(libraries(edge.Versioned(s.Version, s.bounded(s.Limits.Requests, s.opentok)), mux)), plain, nil
}

// libraries sends the requests of OpenTok's server libraries to rest, and all others to next.
func libraries(rest, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opentok.Handles(r) {
			rest.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bounded bounds the requests under way, and the time for a client to take a response. The API counts its own requests, and its responses
// have deadlines of their own, since streams last.
func (s *server) bounded(most int, next http.Handler) http.Handler {
	proxies := trustedProxies(s.Limits)
	limits := transport.RequestLimits{Max: most, MaxPerAddress: s.Limits.RequestsPerAddress, Client: func(r *http.Request) netip.Addr {
		client, _ := proxies.Client(r)
		return client
	}}
	return transport.LimitRequests(limits, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
		next.ServeHTTP(w, r)
	}))
}
