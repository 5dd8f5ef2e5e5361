package transport

import "net/http"

// Framing is how a stream of responses is written into one HTTP response.
type Framing int

const (
	SSE       Framing = iota + 1 // text/event-stream, by the GraphQL-over-SSE protocol, distinct connections mode
	Multipart                    // multipart/mixed, by Apollo's subscription protocol
)

// framer spells a framing. What is given to it is JSON without a line end; each method appends whole lines, so that a
// reader can make use of everything that one write brings.
type framer interface {
	mediaType() string
	begin(b []byte) []byte
	// next appends a response; cursor is where its event lies in the log, "" where it lies in none.
	next(b []byte, cursor string, response []byte) []byte
	// last appends the response that ends the stream, and its end.
	last(b, response []byte) []byte
	// fail appends a list of errors that are not the operation's own, but end it, and its end.
	fail(b, errs []byte) []byte
	// complete appends the end of a stream that ended of itself.
	complete(b []byte) []byte
	keepAlive(b []byte) []byte
}

func (f Framing) framer() framer {
	if f == Multipart {
		return multipartFramer{}
	}
	return sseFramer{}
}

// setHeaders sets what keeps proxies from holding a stream's bytes back, and caches from keeping them.
func setHeaders(h http.Header, f framer) {
	h.Set("Content-Type", f.mediaType())
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// sseFramer writes events with a line each for the cursor, if there is one, as the event's id, for its name and for its
// data. See https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md and
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, by which an event without
// data is none: complete has an empty data line.
type sseFramer struct{}

func (sseFramer) mediaType() string { return typeEventStream + "; charset=utf-8" }

func (f sseFramer) begin(b []byte) []byte   { return f.keepAlive(b) }
func (sseFramer) keepAlive(b []byte) []byte { return append(b, ":\n\n"...) }

func (sseFramer) next(b []byte, cursor string, response []byte) []byte {
	if cursor != "" {
		b = append(append(append(b, "id: "...), cursor...), '\n')
	}
	b = append(b, "event: next\ndata: "...)
	b = append(b, response...)
	return append(b, "\n\n"...)
}

func (f sseFramer) last(b, response []byte) []byte { return f.complete(f.next(b, "", response)) }

func (f sseFramer) fail(b, errs []byte) []byte {
	b = append(b, `event: next`+"\n"+`data: {"errors":`...)
	return f.complete(append(append(b, errs...), "}\n\n"...))
}

func (sseFramer) complete(b []byte) []byte { return append(b, "event: complete\ndata:\n\n"...) }

// multipartFramer writes parts. The delimiter and the header of the next part follow a part at once: a reader knows only
// by them that the part is whole. So a part is always begun, and a stream that has nothing more to say ends with an
// empty one, as the protocol's heartbeats are. JSON has no line end in it, so no part can hold the delimiter.
// See https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol and RFC 2046,
// section 5.1.
type multipartFramer struct{}

const (
	multipartBoundary = "graphql"
	multipartNext     = "\r\n--" + multipartBoundary + "\r\nContent-Type: application/json\r\n\r\n"
	multipartEnd      = "\r\n--" + multipartBoundary + "--\r\n"
)

func (multipartFramer) mediaType() string {
	return typeMultipart + `; boundary="` + multipartBoundary + `"; subscriptionSpec="1.0"`
}

func (multipartFramer) begin(b []byte) []byte     { return append(b, multipartNext...) }
func (multipartFramer) keepAlive(b []byte) []byte { return append(b, "{}"+multipartNext...) }

func (multipartFramer) next(b []byte, _ string, response []byte) []byte {
	return append(appendPayload(b, response), multipartNext...)
}

func (multipartFramer) last(b, response []byte) []byte {
	return append(appendPayload(b, response), multipartEnd...)
}

func appendPayload(b, response []byte) []byte {
	return append(append(append(b, `{"payload":`...), response...), '}')
}

func (multipartFramer) fail(b, errs []byte) []byte {
	b = append(append(b, `{"payload":null,"errors":`...), errs...)
	return append(b, "}"+multipartEnd...)
}

func (multipartFramer) complete(b []byte) []byte { return append(b, "{}"+multipartEnd...) }
