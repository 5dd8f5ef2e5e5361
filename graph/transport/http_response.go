package transport

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// AppendResponse appends the response as JSON: errors, data, extensions, in this order. The error list is capped by
// gqlerr.Cap. A response without data has no data member, as the specification demands for an operation that was not
// executed.
func AppendResponse(b []byte, response *graphql.Response) []byte {
	if data := len(response.Data); data > pieceBytes && cap(b)-len(b) < data {
		b = append(make([]byte, 0, len(b)+data+newBufferBytes), b...)
	}
	b = append(b, '{')
	if len(response.Errors) > 0 {
		b = append(b, `"errors":`...)
		b = gqlerr.AppendList(b, response.Errors)
	}
	if response.Data != nil || len(response.Errors) == 0 {
		if len(response.Errors) > 0 {
			b = append(b, ',')
		}
		b = append(b, `"data":`...)
		if response.Data == nil {
			b = append(b, "null"...)
		}
		// Nothing interrupts a copy of many megabytes into new memory, which the collector, and so everybody, would wait for.
		for piece := range slices.Chunk(response.Data, pieceBytes) {
			b = append(b, piece...)
		}
	}
	if len(response.Extensions) > 0 {
		if extensions, err := json.Marshal(response.Extensions); err == nil {
			b = append(append(b, `,"extensions":`...), extensions...)
		}
	}
	return append(b, '}')
}

// wrapData returns the response to which long data belongs, in the memory of the data, which is no longer to be used. Data that has no
// room for it is copied.
func wrapData(data []byte) []byte {
	const head, end = `{"data":`, "}"
	n := len(data) + len(head) + len(end)
	if n > cap(data) {
		return AppendResponse(nil, &graphql.Response{Data: data})
	}
	response := data[:n]
	for moved := len(data); moved > 0; { // in pieces, as nothing interrupts a copy
		from := max(0, moved-pieceBytes)
		copy(response[from+len(head):], response[from:moved])
		moved = from
	}
	copy(response, head)
	copy(response[n-len(end):], end)
	return response
}

// appendResponseParts is AppendResponse without copying data that is long: the response is then head, data and end.
// Otherwise head is all of it, and data is nil.
func appendResponseParts(b []byte, response *graphql.Response) (head, data, end []byte) {
	if len(response.Data) <= pieceBytes || len(response.Extensions) > 0 {
		return AppendResponse(b, response), nil, nil
	}
	without := *response
	without.Data = []byte{}
	b = AppendResponse(b, &without)
	return b[:len(b)-1], response.Data, []byte{'}'}
}

// statusOf returns the status of a response in application/graphql-response+json: 200 where the operation was executed,
// else the status for the first error's code.
//
// See https://graphql.github.io/graphql-over-http/draft/#sec-application-graphql-response-json.
func statusOf(response *graphql.Response) int {
	if response.Data != nil || len(response.Errors) == 0 {
		return http.StatusOK
	}
	code, _ := response.Errors[0].Extensions["code"].(string)
	switch session.Code(code) {
	case session.CodeUnauthenticated:
		return http.StatusUnauthorized
	case session.CodeForbidden:
		return http.StatusForbidden
	case session.CodeRateLimited:
		return http.StatusTooManyRequests
	case session.CodeUnavailable:
		return http.StatusServiceUnavailable
	case session.CodeInternal:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// retryAfter returns the value of the Retry-After header for a request that was refused as a whole by a rate; "" for
// others.
func retryAfter(response *graphql.Response) (seconds string) {
	if response.Data != nil || len(response.Errors) == 0 {
		return ""
	}
	code, _ := response.Errors[0].Extensions["code"].(string)
	ms, ok := response.Errors[0].Extensions[gqlerr.RetryAfterMs].(int64)
	if !ok || session.Code(code) != session.CodeRateLimited {
		return ""
	}
	return strconv.FormatInt((ms+999)/1000, 10)
}

var (
	contentJSON        = []string{typeJSON + "; charset=utf-8"}
	contentGraphQLJSON = []string{typeGraphQLJSON + "; charset=utf-8"}
)

// pieceBytes is how much of an answer or of events a client has to take within the write timeout.
const pieceBytes = 64 << 10

// writeDeadline gives a client its time to take the next write. A ResponseWriter without deadlines, which is not a
// socket, is left as it is.
func writeDeadline(control *http.ResponseController) {
	_ = control.SetWriteDeadline(time.Now().Add(DefaultWriteTimeout))
}

// leastTaken is how many bytes of an answer or of events a client takes in a second at least: a megabit a second.
const leastTaken = 128 << 10

// writePace says by when the pieces of a long write must be taken: each within the write timeout, and never further than that behind
// leastTaken, since what is taken at a trickle holds the memory that others wait for.
type writePace struct {
	timeout time.Duration
	begun   time.Time
	bytes   int
}

func beginWrite(timeout time.Duration) writePace {
	return writePace{timeout: timeout, begun: time.Now()}
}

// next returns the deadline of the next piece.
func (p *writePace) next(piece []byte) time.Time {
	p.bytes += len(piece)
	deadline := time.Now().Add(p.timeout)
	if latest := p.begun.Add(p.timeout + time.Duration(p.bytes)*time.Second/leastTaken); latest.Before(deadline) {
		return latest
	}
	return deadline
}

// writePieces writes an answer at the pace that its client has to keep. It fails where the client has gone or takes too little; net/http
// then closes the connection, or the stream of HTTP/2. The last deadline stays for the bytes that net/http has still to send, and net/http
// lifts it after the response.
func writePieces(w http.ResponseWriter, parts ...[]byte) {
	control, pace := http.NewResponseController(w), beginWrite(DefaultWriteTimeout)
	for _, part := range parts {
		for piece := range slices.Chunk(part, pieceBytes) {
			_ = control.SetWriteDeadline(pace.next(piece))
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}
}

// writeResponse writes a response. Data that is long is not copied.
func writeResponse(w http.ResponseWriter, status int, mediaType string, response *graphql.Response) {
	buffer := getBuffer()
	defer putBuffer(buffer)
	var data, end []byte
	*buffer, data, end = appendResponseParts((*buffer)[:0], response)
	if data == nil {
		*buffer = append(*buffer, '\n')
	} else {
		end = append(end, '\n')
	}
	header := w.Header()
	header["Content-Type"] = contentJSON
	if mediaType == typeGraphQLJSON {
		header["Content-Type"] = contentGraphQLJSON
	}
	header["Content-Length"] = []string{strconv.Itoa(len(*buffer) + len(data) + len(end))}
	w.WriteHeader(status)
	writePieces(w, *buffer, data, end)
}

// Refusals whose requests are in no other count, and keep their headers, while they wait for their clients: over HTTP/2 to take them, and over
// HTTP/1 to send the rest of a body. An address could have 1,600 of the former, which took 70 MiB.
var (
	refusing = requests{max: 128, maxPerAddress: 16, byAddress: make(networkCounts[int])}
	halting  = requests{max: 128, maxPerAddress: 16, byAddress: make(networkCounts[int])}
)

// haltingTimeout is how long a refusal waits for a body where many do: what is there already is read, or closing would reset the connection.
const haltingTimeout = 50 * time.Millisecond

// WriteError answers a request that is refused before it is a GraphQL operation and before it is counted, with an error that GraphQL
// clients can read. Over HTTP/2 it has no body where many clients do not take theirs.
func WriteError(w http.ResponseWriter, r *http.Request, status int, err *gqlerror.Error) {
	if r.ProtoMajor < 2 {
		writeError(w, status, err)
		leaveBody(w, r)
		return
	}
	client := peerOf(r)
	if refusing.enter(client) != "" {
		w.Header()["Cache-Control"] = noStore
		w.WriteHeader(status)
		return
	}
	defer refusing.leave(client)
	writeError(w, status, err)
	flush(w)
}

// writeError is WriteError for a request that is counted.
func writeError(w http.ResponseWriter, status int, err *gqlerror.Error) {
	w.Header()["Cache-Control"] = noStore
	writeResponse(w, status, typeJSON, &graphql.Response{Errors: gqlerror.List{err}})
}

// leaveBody sends a refusal off once the request's body has been read to its end, as net/http would after the handler has returned. Where many
// clients send none of theirs, it does so soon, and the connection ends.
func leaveBody(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor >= 2 || r.ContentLength == 0 {
		return
	}
	if client := peerOf(r); halting.enter(client) == "" {
		defer halting.leave(client)
	} else {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(haltingTimeout))
	}
	flush(w)
	_ = r.Body.Close()
}

// peerOf returns the network at the other end of a request's connection.
func peerOf(r *http.Request) netip.Prefix {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	return limited(remote.Addr())
}

// untilTaken returns once the client has taken an answer, or its time to do so is over. net/http does as much after the handler has returned, when
// the request is in no count any more: over HTTP/2 it keeps 4 KiB of a response until then, and over HTTP/1 it reads the body of the
// request to its end, unless the handler has.
func untilTaken(w http.ResponseWriter, r *http.Request, read bool) {
	switch {
	case r.ProtoMajor >= 2:
		flush(w)
	case !read && r.ContentLength != 0:
		flush(w)
		_ = r.Body.Close()
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
