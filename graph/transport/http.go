// Package transport is how operations travel. HTTP carries queries and mutations by POST and GET, and decides by an
// operation's kind and the Accept header what is answered as JSON and what as a stream. Limits and Persisted are
// gqlgen extensions that hold on every transport alike.
package transport

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Defaults of HTTP.
const (
	DefaultMaxBodyBytes  = 1 << 20
	DefaultMaxQueryBytes = 16 << 10
	DefaultBodyTimeout   = 30 * time.Second
)

// StreamFunc answers a request by a stream in the given framing, and returns when the stream has ended. The request's
// body has been read. Nothing has been written, save that Vary and Cache-Control are set.
//
// Where errs is not empty, the operation failed before execution (it did not parse, validate or pass a limit): nothing
// must be dispatched, op has neither Doc nor Operation for certain, and the stream is what
//
//	exec.DispatchError(graphql.WithOperationContext(r.Context(), op), errs)
//
// gives, and its end. Otherwise the operation is a subscription, or a query or mutation of a client that accepts
// nothing but a stream, and has not been dispatched.
type StreamFunc func(w http.ResponseWriter, r *http.Request, framing Framing,
	op *graphql.OperationContext, errs gqlerror.List, exec graphql.GraphExecutor)

// HTTP carries operations over POST and GET by the GraphQL-over-HTTP specification. It takes every request, so it
// comes after Streams.WebSocket in the list of transports.
//
// A response is application/graphql-response+json where the client names that, else application/json. Requests that
// are no GraphQL (body, headers or method) fail with a 4xx status in both; a document that fails before execution is
// 200 in the latter, and 400, or what its code stands for, in the former. Every error is GraphQL-shaped.
type HTTP struct {
	Stream        StreamFunc                     // nil where there are no streams over HTTP
	MaxBodyBytes  int64                          // of a POST's body, above which it is refused with 413; 0 for DefaultMaxBodyBytes
	MaxQueryBytes int                            // of a URL's query string, above which it is refused with 414; 0 for DefaultMaxQueryBytes
	Answers       *Answers                       // what answers under way are bounded by; nil: by nothing
	Client        func(*http.Request) netip.Addr // the address a request comes from; nil: it is not known, and not limited
	Decode        Decode                         // nil: nothing waits
	BodyTimeout   time.Duration                  // for a POST's body to arrive, after which it is refused with 408; 0 for DefaultBodyTimeout
}

var _ graphql.Transport = HTTP{}

// Supports says yes to every request: those that HTTP can't serve it refuses with a status that fits.
func (h HTTP) Supports(*http.Request) bool { return true }

const allowedMethods = "GET, HEAD, POST, OPTIONS"

// Do serves one request.
func (h HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	x := exchange{HTTP: h, w: w, r: r, exec: exec, accepted: negotiate(r.Header)}
	defer x.recover()
	header := w.Header()
	header.Add("Vary", "Accept")
	header["Cache-Control"] = noStore

	if h.Client != nil {
		x.client = limited(h.Client(r))
	}
	if why := x.enter(); why != "" {
		why.refuse(w)
		return
	}
	defer x.leave()
	if r.Method == http.MethodOptions {
		writeDeadline(http.NewResponseController(w))
		header.Set("Allow", allowedMethods)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if x.accepted.json == "" && (x.accepted.stream == 0 || h.Stream == nil) {
		x.refuse(http.StatusNotAcceptable, malformed("nothing that Accept admits can be sent; responses are "+
			"application/json or application/graphql-response+json"))
		return
	}
	params, refusal := x.params()
	if refusal != nil {
		x.refuse(refusal.status, refusal.err)
		if refusal.status == http.StatusRequestEntityTooLarge {
			x.drain()
		}
		return
	}
	x.operation(params)
}

var noStore = []string{"no-store"}

// exchange is one request and its response.
type exchange struct {
	HTTP
	w         http.ResponseWriter
	r         *http.Request
	exec      graphql.GraphExecutor
	accepted  accepted
	client    netip.Prefix // whose limits it counts to; not valid where to none
	entered   bool
	body      int64 // bytes that count to what comes in
	streaming bool  // the response is in the hands of Stream
}

// refusal is the end of a request that is not looked at any further.
type refusal struct {
	status int
	err    *gqlerror.Error
}

// enter counts the request in, and leave out again, once.
func (x *exchange) enter() (why crowding) {
	if x.Answers != nil {
		why = x.Answers.requests.enter(x.client)
		x.entered = why == ""
	}
	return why
}

func (x *exchange) leave() {
	if x.body > 0 {
		x.Answers.incoming.release(x.client, x.body)
		x.body = 0
	}
	if x.entered {
		x.entered = false
		x.Answers.requests.leave(x.client)
	}
}

func (x *exchange) refuse(status int, err *gqlerror.Error) { WriteError(x.w, status, err) }

// params reads the operation's parameters from where the method has them.
func (x *exchange) params() (*graphql.RawParams, *refusal) {
	start := graphql.Now()
	var params *graphql.RawParams
	var refused *refusal
	switch x.r.Method {
	case http.MethodPost:
		params, refused = x.bodyParams()
	case http.MethodGet, http.MethodHead:
		params, refused = x.urlParams()
	default:
		x.w.Header().Set("Allow", allowedMethods)
		refused = &refusal{http.StatusMethodNotAllowed, malformed("operations are sent by POST; queries also by GET")}
	}
	if refused != nil {
		return nil, refused
	}
	params.Headers = x.r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

// operation runs the operation, or hands it to Stream, as its kind and Accept have it.
func (x *exchange) operation(params *graphql.RawParams) {
	op, errs := x.exec.CreateOperationContext(x.r.Context(), params)
	if len(errs) > 0 {
		if x.accepted.json == "" && retryAfter(&graphql.Response{Errors: errs}) == "" {
			x.stream(op, errs)
			return
		}
		x.respond(x.exec.DispatchError(graphql.WithOperationContext(x.r.Context(), op), CapErrors(errs)))
		return
	}
	kind := op.Operation.Operation
	get := x.r.Method != http.MethodPost
	switch {
	case kind == ast.Subscription && x.accepted.stream != 0 && x.Stream != nil && (!get || x.accepted.stream == SSE):
		x.stream(op, nil)
	case kind != ast.Query && get:
		x.w.Header().Set("Allow", http.MethodPost)
		x.refuse(http.StatusMethodNotAllowed, malformed("GET runs queries only; send a "+string(kind)+" by "+x.way(kind)))
	case kind == ast.Subscription:
		x.refuse(http.StatusNotAcceptable, newError(session.CodeBadUserInput, ReasonStreamRequired,
			"a subscription needs a stream: "+x.way(kind)))
	case x.accepted.json == "":
		x.stream(op, nil)
	default:
		ctx, hold := x.Answers.holding(x.r.Context(), x.client)
		defer hold.release()
		responses, ctx := x.exec.DispatchOperation(ctx, op)
		x.respond(responses(ctx))
	}
}

// way says how operations of this kind can be sent.
func (x *exchange) way(kind ast.Operation) string {
	if kind != ast.Subscription {
		return http.MethodPost
	}
	way := "WebSocket (subprotocol graphql-transport-ws)"
	if x.Stream != nil {
		way += ", or POST with Accept: text/event-stream, or POST with Accept: multipart/mixed;subscriptionSpec=1.0"
	}
	return way
}

func (x *exchange) stream(op *graphql.OperationContext, errs gqlerror.List) {
	x.leave() // streams are counted as such
	x.streaming = true
	x.Stream(x.w, x.r, x.accepted.stream, op, errs, x.exec)
}

// respond writes the one response of an operation; nil where the request was given up before there was one.
func (x *exchange) respond(response *graphql.Response) {
	if response == nil {
		x.refuse(http.StatusServiceUnavailable, newError(session.CodeUnavailable, "", "the request was given up"))
		return
	}
	status := http.StatusOK
	if x.accepted.json == typeGraphQLJSON {
		if status = statusOf(response); status == http.StatusUnauthorized {
			x.w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, section 15.5.2, demands it
		}
	}
	if seconds := retryAfter(response); seconds != "" { // of any media type: clients and proxies that know no GraphQL are to wait too
		x.w.Header().Set("Retry-After", seconds)
		status = http.StatusTooManyRequests
	}
	writeResponse(x.w, status, x.accepted.json, response)
}

// recover answers for a panic that got past gqlgen's own recovery. The panic reaches the log by way of the executor's
// recover function alone.
func (x *exchange) recover() {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		x.cut()
		return
	}
	err := presentPanic(x.r.Context(), x.exec, cause)
	if x.streaming {
		x.cut() // it may have written anything: let the client see that the end is missing
		return
	}
	WriteError(x.w, http.StatusInternalServerError, err)
}

// cut ends the response without its end. A panic with http.ErrAbortHandler would do so too, but gqlgen's handler takes
// every panic for one to be answered, and would write into what has begun.
func (x *exchange) cut() {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Unix(1, 0))
}

// presentPanic has exec's recover function and error presenter make an error of a panic.
func presentPanic(ctx context.Context, exec graphql.GraphExecutor, cause any) *gqlerror.Error {
	presenter, ok := exec.(interface {
		PresentRecoveredError(ctx context.Context, cause any) error
	})
	if ok {
		if err, ok := presenter.PresentRecoveredError(ctx, cause).(*gqlerror.Error); ok && err != nil {
			return err
		}
	}
	return newError(session.CodeInternal, "", "internal error")
}

// urlParams reads the parameters of a GET.
func (x *exchange) urlParams() (*graphql.RawParams, *refusal) {
	limit := x.MaxQueryBytes
	if limit == 0 {
		limit = DefaultMaxQueryBytes
	}
	if len(x.r.URL.RawQuery) > limit {
		return nil, &refusal{http.StatusRequestURITooLong, tooLarge("the URL's query string", int64(limit))}
	}
	params, err := decodeURLParams(x.r.URL.RawQuery)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err}
	}
	return params, nil
}

// bodyParams reads the parameters of a POST.
func (x *exchange) bodyParams() (*graphql.RawParams, *refusal) {
	if !jsonContent(x.r.Header) {
		x.w.Header().Set("Accept-Post", typeJSON)
		// The connection is as good as before: the server skips a small body and cuts off a large one.
		return nil, &refusal{http.StatusUnsupportedMediaType,
			malformed("the body must be JSON in UTF-8, with Content-Type: application/json and no Content-Encoding")}
	}
	buffer := getBuffer()
	defer putBuffer(buffer)
	if refused := x.readBody(buffer); refused != nil {
		return nil, refused
	}
	done, given := x.Decode.wait(x.r.Context(), len(*buffer))
	if given != nil {
		return nil, &refusal{http.StatusServiceUnavailable, newError(session.CodeUnavailable, "", "the request was given up")}
	}
	defer done()
	params, err := decodeParams(*buffer)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err}
	}
	return params, nil
}
