package transport

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/graph/transport/jsonbody"
	"chattok/session"
)

// Defaults of HTTP.
const (
	DefaultMaxBodyBytes  = 1 << 20
	DefaultMaxQueryBytes = 16 << 10
	DefaultBodyTimeout   = 30 * time.Second
)

// Reasons of a BAD_USER_INPUT for a subscription that can't be answered over HTTP, in extensions.reason.
const (
	ReasonStreamRequired = "STREAM_REQUIRED" // the request takes a single response only
	ReasonHTTPVersion    = "HTTP_VERSION"    // over HTTP/1.0 the end of a stream can't be told from a cut
)

// StreamFunc answers a request by a stream in the given framing, and returns when the stream has ended. The request's
// body has been read. Nothing has been written, though Vary and Cache-Control are set.
//
// Where errs is not empty, the operation failed before execution: it did not parse or validate, or exceeded a limit.
// Then op may lack Doc and Operation, nothing may be dispatched, and the stream consists of one response and the end:
//
//	exec.DispatchError(graphql.WithOperationContext(r.Context(), op), errs)
//
// Otherwise the operation has not been dispatched. It is a subscription, or a query or mutation of a client that
// accepts nothing but a stream.
type StreamFunc func(w http.ResponseWriter, r *http.Request, framing Framing,
	op *graphql.OperationContext, errs gqlerror.List, exec graphql.GraphExecutor)

// HTTP carries operations over POST and GET by the GraphQL-over-HTTP specification. It takes every request, so it comes
// after Streams.WebSocket in the list of transports.
//
// A response is application/graphql-response+json where the client names that type, else application/json. A request
// that is not a GraphQL request (by its body, headers or method) fails with a 4xx status in both. A document that fails
// before execution is answered with 200 in application/json; in the other type with 400, or the status that its code
// stands for. Every error has the shape of a GraphQL error.
type HTTP struct {
	Stream        StreamFunc                     // nil where there are no streams over HTTP
	MaxBodyBytes  int64                          // bytes of a POST's body, above which it is refused with 413; 0 for DefaultMaxBodyBytes
	MaxQueryBytes int                            // bytes of a URL's query string, above which it is refused with 414; 0 for DefaultMaxQueryBytes
	Begin         Begin                          // nil: nothing is called
	Answered      Answered                       // nil: nobody is told
	Answers       *Answers                       // bounds the answers under way; nil: they are not bounded
	Client        func(*http.Request) netip.Addr // the address that a request comes from; nil: unknown, and not limited
	Decode        Decode                         // nil: decoding never waits
	BodyTimeout   time.Duration                  // for a POST's body to arrive, after which it is refused with 408; 0 for DefaultBodyTimeout
}

var _ graphql.Transport = HTTP{}

// Supports is true for every request; a request that can't be served is refused with a fitting status.
func (h HTTP) Supports(*http.Request) bool { return true }

// Traceparent is the header, and over WebSocket the extension of an operation, by which a client names its span.
const Traceparent = jsonbody.Traceparent

const allowedMethods = "GET, HEAD, POST, OPTIONS"

// Do serves one request.
func (h HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	x := exchange{HTTP: h, w: w, r: r, exec: exec, accepted: negotiate(r.Header)}
	defer x.leave()
	defer x.recover()
	header := w.Header()
	header.Add("Vary", "Accept")
	header["Cache-Control"] = noStore

	if h.Client != nil {
		x.client = limited(h.Client(r))
	}
	if why := x.enter(); why != "" {
		why.refuse(w, r)
		return
	}
	x.serve()
	x.releaseBody() // others need its room
	untilTaken(w, r, r.Method == http.MethodPost && !x.refused)
}

// serve serves a request that is counted.
func (x *exchange) serve() {
	if x.r.Method == http.MethodOptions {
		writeDeadline(http.NewResponseController(x.w))
		x.w.Header().Set("Allow", allowedMethods)
		x.w.WriteHeader(http.StatusNoContent)
		return
	}
	if x.accepted.json == "" && (x.accepted.stream == 0 || x.Stream == nil) {
		x.refuse(http.StatusNotAcceptable, gqlerr.Malformed("nothing that Accept admits can be sent; responses are "+
			"application/json or application/graphql-response+json"))
		return
	}
	params, refusal := x.params()
	if refusal != nil {
		x.Answered.tell(nil, gqlerror.List{refusal.err})
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
	client    netip.Prefix // whose limits the request counts to; not valid where it counts to none
	entered   bool
	body      int64 // bytes reserved for the request's body
	refused   bool  // perhaps before its body was read
	streaming bool  // the response is written by Stream
}

// refusal ends a request that is not looked at any further.
type refusal struct {
	status int
	err    *gqlerror.Error
}

// enter counts the request in. leave counts it out, once.
func (x *exchange) enter() (why denial) {
	if x.Answers != nil {
		why = x.Answers.requests.enter(x.client)
		x.entered = why == ""
	}
	return why
}

func (x *exchange) leave() {
	x.releaseBody()
	if x.entered {
		x.entered = false
		x.Answers.requests.leave(x.client)
	}
}

// releaseBody gives back the bytes that were reserved for the body, once.
func (x *exchange) releaseBody() {
	if x.body > 0 {
		x.Answers.incoming.release(x.client, x.body)
		x.body = 0
	}
}

func (x *exchange) refuse(status int, err *gqlerror.Error) {
	x.refused = true
	writeError(x.w, status, err)
}

// params reads the operation's parameters from the body or the URL, as the method says.
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
		refused = &refusal{http.StatusMethodNotAllowed, gqlerr.Malformed("operations are sent by POST; queries also by GET")}
	}
	if refused != nil {
		return nil, refused
	}
	if span := x.r.Header.Get(jsonbody.Traceparent); span != "" { // a stream keeps no other header
		params.Headers = http.Header{http.CanonicalHeaderKey(jsonbody.Traceparent): {strings.Clone(span)}}
	}
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

// operation runs the operation, or hands it to Stream, depending on its kind and on Accept.
func (x *exchange) operation(params *graphql.RawParams) {
	op, errs := x.exec.CreateOperationContext(x.r.Context(), params)
	if len(errs) > 0 {
		x.Answered.tell(op, errs)
		if x.accepted.json == "" && retryAfter(&graphql.Response{Errors: errs}) == "" {
			x.stream(op, errs)
			return
		}
		x.respond(x.exec.DispatchError(graphql.WithOperationContext(x.r.Context(), op), gqlerr.Cap(errs)))
		return
	}
	kind := op.Operation.Operation
	get := x.r.Method != http.MethodPost
	switch {
	case kind == ast.Subscription && x.accepted.stream != 0 && x.Stream != nil && (!get || x.accepted.stream == SSE):
		x.stream(op, nil)
	case kind != ast.Query && get:
		x.w.Header().Set("Allow", http.MethodPost)
		x.refuse(http.StatusMethodNotAllowed, gqlerr.Malformed("GET runs queries only; send a "+string(kind)+" by "+x.way(kind)))
	case kind == ast.Subscription:
		x.refuse(http.StatusNotAcceptable, gqlerr.New(session.CodeBadUserInput, ReasonStreamRequired,
			"a subscription needs a stream: "+x.way(kind)))
	case x.accepted.json == "":
		x.stream(op, nil)
	default:
		ctx, hold := x.Answers.reserve(x.r.Context(), x.client)
		defer hold.release()
		response := dispatch(ctx, x.exec, op, x.Begin, x.Answered)
		hold.executed()
		x.respond(response)
	}
}

// way says how operations of this kind are sent.
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
	if len(errs) == 0 && op.Operation.Operation == ast.Subscription {
		x.leave() // it is counted as a stream from now on
	}
	x.streaming = true
	x.Stream(x.w, x.r, x.accepted.stream, op, errs, x.exec)
}

// respond writes the single response of an operation; nil means that the client gave up before there was one.
func (x *exchange) respond(response *graphql.Response) {
	if response == nil {
		x.refuse(http.StatusServiceUnavailable, gqlerr.New(session.CodeUnavailable, "", "the request was given up"))
		return
	}
	status := http.StatusOK
	if x.accepted.json == typeGraphQLJSON {
		if status = statusOf(response); status == http.StatusUnauthorized {
			x.w.Header().Set("WWW-Authenticate", "Bearer") // required by RFC 9110, section 15.5.2
		}
	}
	if seconds := retryAfter(response); seconds != "" { // in either media type, for clients and proxies that know no GraphQL
		x.w.Header().Set("Retry-After", seconds)
		status = http.StatusTooManyRequests
	}
	writeResponse(x.w, status, x.accepted.json, response)
}

// recover answers for a panic that got past gqlgen's own recovery. Only the executor's recover function logs the panic.
func (x *exchange) recover() {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		x.cut()
		return
	}
	err := gqlerr.OfPanic(x.r.Context(), x.exec, cause)
	if x.streaming {
		x.cut() // parts of a response may be out; the client has to see that the end is missing
		return
	}
	writeError(x.w, http.StatusInternalServerError, err)
}

// cut ends the response without its regular end. A panic with http.ErrAbortHandler would do so too, but gqlgen's
// handler recovers every panic and would write its answer into the response.
func (x *exchange) cut() {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Unix(1, 0))
}

// urlParams reads the parameters of a GET.
func (x *exchange) urlParams() (*graphql.RawParams, *refusal) {
	limit := x.MaxQueryBytes
	if limit == 0 {
		limit = DefaultMaxQueryBytes
	}
	if len(x.r.URL.RawQuery) > limit {
		return nil, &refusal{http.StatusRequestURITooLong, gqlerr.TooLarge("the URL's query string", int64(limit))}
	}
	n := 2*int64(len(x.r.URL.RawQuery)) + jsonbody.DecodedURLBytes(x.r.URL.RawQuery)
	if n > lightBytes && !x.admitBody(n) {
		return nil, &refusal{http.StatusServiceUnavailable, errNoTurn}
	}
	params, err := jsonbody.DecodeURL(x.r.URL.RawQuery)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err}
	}
	return params, nil
}

// bodyParams reads the parameters of a POST.
func (x *exchange) bodyParams() (*graphql.RawParams, *refusal) {
	if !jsonContent(x.r.Header) {
		x.w.Header().Set("Accept-Post", typeJSON)
		// The connection stays usable: the server skips a small body and cuts off a large one.
		return nil, &refusal{http.StatusUnsupportedMediaType,
			gqlerr.Malformed("the body must be JSON in UTF-8, with Content-Type: application/json and no Content-Encoding")}
	}
	buffer := getBuffer()
	defer putBuffer(buffer)
	if refused := x.readBody(buffer); refused != nil {
		return nil, refused
	}
	if !x.admitBody(roomOf(*buffer)) {
		return nil, &refusal{http.StatusServiceUnavailable, errNoTurn}
	}
	done, given := x.Decode.wait(x.r.Context(), len(*buffer))
	if given != nil {
		return nil, &refusal{http.StatusServiceUnavailable, gqlerr.New(session.CodeUnavailable, "", "the request was given up")}
	}
	defer done()
	params, err := jsonbody.Decode(*buffer)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err}
	}
	return params, nil
}
