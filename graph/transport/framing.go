package transport

import "net/http"

// Framing is how a stream of responses is written into one HTTP response.
type Framing int

const (
	SSE       Framing = iota + 1 // text/event-stream, by the GraphQL-over-SSE protocol, distinct connections mode
	Multipart                    // multipart/mixed, by Apollo's subscription protocol
)

// framer writes a framing. The JSON that it is given has no line end; each method appends whole lines, so that a client
// can use everything that one write brings.
type framer interface {
	mediaType() string
	begin(b []byte) []byte
	// next appends a response; cursor is the place of its event in the log, "" where it has none.
	next(b []byte, cursor string, response []byte) []byte
	// last returns the bytes before and after the response that ends the stream, with the end of the stream.
	last() (before, after string)
	// fail appends errors that end the stream but are not the operation's own, and the end of the stream.
	fail(b, errs []byte) []byte
	// complete appends the end of a stream that ended by itself.
	complete(b []byte) []byte
	keepAlive(b []byte) []byte
}

func (f Framing) framer() framer {
	if f == Multipart {
		return multipartFramer{}
	}
	return sseFramer{}
}

// appendLast appends the response that ends the stream, and the end of the stream.
func appendLast(b []byte, f framer, response []byte) []byte {
	before, after := f.last()
	return append(append(append(b, before...), response...), after...)
}

// setHeaders sets the headers that keep proxies from holding a stream back, and caches from storing it.
func setHeaders(h http.Header, f framer) {
	h.Set("Content-Type", f.mediaType())
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// sseFramer writes an event as lines: the cursor as the event's id, if there is one, then its name and its data. An
// event without data would be none, so complete has an empty data line. See
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md and
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.
type sseFramer struct{}

const (
	sseNext     = "event: next\ndata: "
	sseComplete = "event: complete\ndata:\n\n"
)

func (sseFramer) mediaType() string { return typeEventStream + "; charset=utf-8" }

func (f sseFramer) begin(b []byte) []byte   { return f.keepAlive(b) }
func (sseFramer) keepAlive(b []byte) []byte { return append(b, ":\n\n"...) }

func (sseFramer) next(b []byte, cursor string, response []byte) []byte {
	if cursor != "" {
		b = append(append(append(b, "id: "...), cursor...), '\n')
	}
	b = append(b, sseNext...)
	b = append(b, response...)
	return append(b, "\n\n"...)
}

func (sseFramer) last() (before, after string) { return sseNext, "\n\n" + sseComplete }

func (f sseFramer) fail(b, errs []byte) []byte {
	b = append(b, sseNext+`{"errors":`...)
	return f.complete(append(append(b, errs...), "}\n\n"...))
}

func (sseFramer) complete(b []byte) []byte { return append(b, sseComplete...) }

// multipartFramer writes parts. The delimiter and the header of the next part follow each part at once, because a
// client knows only by them that the part is complete. So there is always a part begun, and a stream that has nothing
// more to say ends with an empty part, as the protocol's heartbeats are. JSON has no line end in it, so no part can
// contain the delimiter.
//
// See https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol and RFC 2046,
// section 5.1.
type multipartFramer struct{}

const (
	multipartBoundary = "graphql"
	multipartNext     = "\r\n--" + multipartBoundary + "\r\nContent-Type: application/json\r\n\r\n"
	multipartEnd      = "\r\n--" + multipartBoundary + "--\r\n"
	multipartPayload  = `{"payload":`
)

func (multipartFramer) mediaType() string {
	return typeMultipart + `; boundary="` + multipartBoundary + `"; subscriptionSpec="1.0"`
}

func (multipartFramer) begin(b []byte) []byte     { return append(b, multipartNext...) }
func (multipartFramer) keepAlive(b []byte) []byte { return append(b, "{}"+multipartNext...) }

func (multipartFramer) next(b []byte, _ string, response []byte) []byte {
	return append(append(append(b, multipartPayload...), response...), "}"+multipartNext...)
}

func (multipartFramer) last() (before, after string) { return multipartPayload, "}" + multipartEnd }

func (multipartFramer) fail(b, errs []byte) []byte {
	b = append(append(b, `{"payload":null,"errors":`...), errs...)
	return append(b, "}"+multipartEnd...)
}

func (multipartFramer) complete(b []byte) []byte { return append(b, "{}"+multipartEnd...) }
