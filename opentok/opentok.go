// Package opentok serves OpenTok's server libraries: it reads the tokens that they make (Tokens), and answers their REST API
// (Handler). A library is given this server's address, the API key and the API secret, and works as it does with OpenTok. The
// rules are those of package session: each request of a library is a call of the holder of the API secret.
//
// Reading order: opentok.go, authority.go, create.go, streams.go, connections.go, signal.go, mute.go, absent.go, answer.go,
// tokens.go, jwt.go, t1.go.
package opentok

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"chattok/session"
)

// Domain is the part of the domain that the REST API calls; *session.Service has it.
type Domain interface {
	CreateSession(ctx context.Context, c session.Caller, id *string, mode session.MediaMode, retention *int64) (*session.Session, error)
	ConnectionsWithID(ctx context.Context, c session.Caller, sessionID string, offset, limit int) (live []*session.Connection, count int, err error)
	StreamsWithID(ctx context.Context, c session.Caller, sessionID string, limit int) (live []*session.Stream, count int, err error)
	StreamWithID(ctx context.Context, c session.Caller, sessionID, id string) (*session.Stream, error)
	In(ctx context.Context, c session.Caller, sessionID *string) (session.Caller, error)
	SendSignal(ctx context.Context, c session.Caller, g session.Signal) (*session.Signal, error)
	ForceDisconnect(ctx context.Context, c session.Caller, connectionID string) (*session.Connection, error)
	ForceMute(ctx context.Context, c session.Caller, a session.MuteArgs) ([]*session.Stream, error)
	DisableForceMute(ctx context.Context, c session.Caller) (*session.Session, error)
}

// Config configures a Handler.
type Config struct {
	Tokens *Tokens // nil where the server has no API key: then every path of the REST API is answered with 404
	Domain Domain
	Router bool // whether there is a media router, for routed sessions
	Log    *slog.Logger
}

// Handler answers OpenTok's REST API. Its paths may stand behind any prefix, as that of a proxy:
//
//	/session/create
//	/v2/project/{key}/…, and as older libraries have it, /v2/partner/{key}/…
type Handler struct {
	Config
	relayedOnce sync.Once // the log's line about routed sessions
}

// New returns a Handler.
func New(c Config) *Handler { return &Handler{Config: c} }

// caller is that of every call: a library has the API secret.
var caller = session.Caller{Kind: session.Operator}

// Handles says whether a request is for a path of the REST API. It must be asked before a http.ServeMux, which redirects paths with
// two slashes, as libraries send them where the server's address ends in one.
func Handles(r *http.Request) bool {
	_, ok := placeOf(r)
	return ok
}

// ServeHTTP answers a request that Handles is true for.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, _ := placeOf(r)
	h.serve(w, r, at)
}

// place is a path of the REST API, without what stands before it.
type place struct {
	create bool     // POST /session/create; the rest is empty
	key    string   // that stands in the path
	parts  []string // after the key, such as session, 1_MX4x…, stream
}

// projects are what stands before the key in a path. Libraries until 2016 call a project a partner.
var projects = []string{"/v2/project/", "/v2/partner/"}

// placeOf returns the place that a request is for; ok is false where its path is none of the REST API.
func placeOf(r *http.Request) (found place, ok bool) {
	path := strings.TrimRight(r.URL.Path, "/")
	if strings.HasSuffix(path, "/session/create") && r.Method == http.MethodPost {
		return place{create: true}, true
	}
	for _, project := range projects {
		if i := strings.Index(path, project); i >= 0 {
			parts := strings.Split(path[i+len(project):], "/")
			if len(parts) > 1 {
				return place{key: parts[0], parts: parts[1:]}, true
			}
		}
	}
	return place{}, false
}

// serve answers a request, once it is known to come from the holder of the API secret.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, at place) {
	if h.Tokens == nil {
		refuse(w, http.StatusNotFound, "this server has no API key: CHATTOK_API_KEY names the one that OpenTok's libraries are given")
		return
	}
	if err := h.Tokens.authorize(r, at); err != nil {
		h.fail(w, r, err)
		return
	}
	answer, err := h.answer(w, r, at)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer.write(w, r)
}

// answer does what a request asks for.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, at place) (answer, error) {
	if at.create {
		return h.createSession(w, r)
	}
	if why := absent(at.parts); why != "" {
		return answer{}, refusal{http.StatusNotImplemented, why}
	}
	if at.parts[0] != "session" || len(at.parts) < 3 {
		return answer{}, errNoSuchPath
	}
	route, named := routeOf(at.parts[2:])
	if route == nil {
		return answer{}, errNoSuchPath
	}
	act := route[r.Method]
	if act == nil {
		return answer{}, refusal{http.StatusMethodNotAllowed, "this path does not take " + r.Method}
	}
	return act(h, w, r, at.parts[1], named)
}

// action does what one method of one path asks for. named is the stream or connection in the path; empty where there is none.
type action func(h *Handler, w http.ResponseWriter, r *http.Request, sessionID, named string) (answer, error)

// route is a path with the methods that it takes.
type route map[string]action

// routes are the paths below a session; an asterisk stands for a stream or a connection.
var routes = map[string]route{
	"stream":              {http.MethodGet: (*Handler).listStreams, http.MethodPut: (*Handler).setLayouts},
	"stream/*":            {http.MethodGet: (*Handler).getStream, http.MethodPut: (*Handler).setLayouts},
	"stream/*/mute":       {http.MethodPost: (*Handler).muteStream},
	"mute":                {http.MethodPost: (*Handler).muteAll},
	"signal":              {http.MethodPost: (*Handler).signal},
	"connection":          {http.MethodGet: (*Handler).listConnections},
	"connection/*":        {http.MethodDelete: (*Handler).disconnect},
	"connection/*/signal": {http.MethodPost: (*Handler).signal},
}

// routeOf returns the route of a path below a session, and what the path names; nil where there is no such path.
func routeOf(parts []string) (found route, named string) {
	if len(parts) > 1 {
		parts, named = append([]string{parts[0], "*"}, parts[2:]...), parts[1]
	}
	return routes[strings.Join(parts, "/")], named
}
