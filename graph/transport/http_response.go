package transport

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Limits of the error list in a response.
const (
	MaxErrors            = 10
	MaxErrorMessageBytes = 300
)

// CapErrors returns errs with at most MaxErrors errors, whose messages have at most MaxErrorMessageBytes bytes. It
// changes neither errs nor what it holds.
func CapErrors(errs gqlerror.List) gqlerror.List {
	errs = errs[:min(len(errs), MaxErrors)]
	for i, err := range errs {
		if err != nil && len(err.Message) > MaxErrorMessageBytes {
			capped := make(gqlerror.List, len(errs))
			copy(capped, errs[:i])
			for j, err := range errs[i:] {
				capped[i+j] = capMessage(err)
			}
			return capped
		}
	}
	return errs
}

func capMessage(err *gqlerror.Error) *gqlerror.Error {
	const ellipsis = "…"
	if err == nil || len(err.Message) <= MaxErrorMessageBytes {
		return err
	}
	end := MaxErrorMessageBytes - len(ellipsis)
	for end > 0 && !utf8.RuneStart(err.Message[end]) {
		end--
	}
	capped := *err
	capped.Message = err.Message[:end] + ellipsis
	return &capped
}

// AppendResponse appends the response as JSON: errors, data, extensions, in this order. The error list is capped as by
// CapErrors. A response without data has no such member, as the specification demands of one whose operation was not
// executed.
func AppendResponse(b []byte, response *graphql.Response) []byte {
	b = append(b, '{')
	if len(response.Errors) > 0 {
		b = append(b, `"errors":`...)
		b = AppendErrors(b, response.Errors)
	}
	if response.Data != nil || len(response.Errors) == 0 {
		if len(response.Errors) > 0 {
			b = append(b, ',')
		}
		b = append(b, `"data":`...)
		if response.Data == nil {
			b = append(b, "null"...)
		}
		b = append(b, response.Data...)
	}
	if len(response.Extensions) > 0 {
		if extensions, err := json.Marshal(response.Extensions); err == nil {
			b = append(append(b, `,"extensions":`...), extensions...)
		}
	}
	return append(b, '}')
}

// appendResponseParts is AppendResponse for one whose data may be long: that is not copied, but comes after b, and end
// after it. data is nil where b has all of it.
func appendResponseParts(b []byte, response *graphql.Response) (head, data, end []byte) {
	if len(response.Data) <= pieceBytes || len(response.Extensions) > 0 {
		return AppendResponse(b, response), nil, nil
	}
	without := *response
	without.Data = []byte{}
	b = AppendResponse(b, &without)
	return b[:len(b)-1], response.Data, []byte{'}'}
}

// AppendErrors appends the error list, capped as by CapErrors, as a JSON array.
func AppendErrors(b []byte, errs gqlerror.List) []byte {
	b = append(b, '[')
	for i, err := range CapErrors(errs) {
		if i > 0 {
			b = append(b, ',')
		}
		encoded, failed := json.Marshal(err)
		if failed != nil {
			// An extension that JSON can't hold: the message and what else is plain must get through all the same.
			encoded, _ = json.Marshal(newError(session.CodeInternal, "", "internal error"))
		}
		b = append(b, encoded...)
	}
	return append(b, ']')
}

// statusOf returns the status of a response in application/graphql-response+json: 200 for what was executed, else what
// the first error's code stands for.
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

// retryAfter is what the Retry-After header says of a request that was refused as a whole by a rate; "" of others.
func retryAfter(response *graphql.Response) (seconds string) {
	if response.Data != nil || len(response.Errors) == 0 {
		return ""
	}
	code, _ := response.Errors[0].Extensions["code"].(string)
	ms, ok := response.Errors[0].Extensions[RetryAfterMs].(int64)
	if !ok || session.Code(code) != session.CodeRateLimited {
		return ""
	}
	return strconv.FormatInt((ms+999)/1000, 10)
}

var (
	contentJSON        = []string{typeJSON + "; charset=utf-8"}
	contentGraphQLJSON = []string{typeGraphQLJSON + "; charset=utf-8"}
)

// pieceBytes is how much of an answer a client has to take within DefaultWriteTimeout.
const pieceBytes = 64 << 10

// writeDeadline gives a client its time to take what is written next. Not every ResponseWriter knows deadlines; those that
// don't are no sockets.
func writeDeadline(control *http.ResponseController) {
	_ = control.SetWriteDeadline(time.Now().Add(DefaultWriteTimeout))
}

// writePieces writes an answer, each piece under a deadline of its own. An error is the client's, who has gone, or takes
// nothing; net/http then closes the connection, or the stream of HTTP/2. The last deadline stays, for what net/http has
// still to send; net/http lifts it after the response.
func writePieces(w http.ResponseWriter, parts ...[]byte) {
	control := http.NewResponseController(w)
	for _, part := range parts {
		for len(part) > 0 {
			n := min(len(part), pieceBytes)
			writeDeadline(control)
			if _, err := w.Write(part[:n]); err != nil {
				return
			}
			part = part[n:]
		}
	}
}

// writeResponse writes a response. Its data, where it is long, is written from where it is.
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

// WriteError answers a request that is refused before it is a GraphQL operation with an error that GraphQL clients
// can read.
func WriteError(w http.ResponseWriter, status int, err *gqlerror.Error) {
	w.Header()["Cache-Control"] = noStore
	writeResponse(w, status, typeJSON, &graphql.Response{Errors: gqlerror.List{err}})
}
