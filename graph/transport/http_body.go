package transport

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// ReasonTooLarge is the reason of a BAD_USER_INPUT for a request above its limit of bytes, in extensions.reason.
const ReasonTooLarge = "REQUEST_TOO_LARGE"

func tooLarge(what string, limit int64) *gqlerror.Error {
	return newError(session.CodeBadUserInput, ReasonTooLarge, fmt.Sprintf("%s must be at most %d bytes", what, limit))
}

// Buffers for bodies and responses. One that grew above maxPooledBytes is left to the collector, so that a few large
// requests don't hold memory for ever.
const (
	newBufferBytes = 4 << 10
	maxPooledBytes = 64 << 10
)

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, newBufferBytes)
	return &b
}}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) <= maxPooledBytes {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// readBody reads the body into buffer, which grows with what has arrived, never with what was announced.
func (x *exchange) readBody(buffer *[]byte) *refusal {
	limit := x.MaxBodyBytes
	if limit == 0 {
		limit = DefaultMaxBodyBytes
	}
	if x.r.ContentLength > limit {
		return x.bodyTooLarge(limit)
	}
	lift := x.bodyDeadline()
	b := (*buffer)[:0]
	for counted := false; ; {
		if !counted && len(b) > uncountedBody {
			counted = true
			if !x.admitBody(limit) {
				return &refusal{http.StatusServiceUnavailable, errNoTurn}
			}
		}
		most := int(min(limit, math.MaxInt-1)) + 1 - len(b) // one byte above the limit tells that there are more
		if len(b) == cap(b) {
			b = slices.Grow(b, min(len(b), most))
		}
		n, err := x.r.Body.Read(b[len(b):min(cap(b), len(b)+most)])
		b = b[:len(b)+n]
		*buffer = b
		switch {
		case int64(len(b)) > limit:
			return x.bodyTooLarge(limit)
		case err == io.EOF:
			lift()
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			x.w.Header().Set("Connection", "close")
			return &refusal{http.StatusRequestTimeout, malformed("the body did not arrive in time")}
		case err != nil:
			return &refusal{http.StatusBadRequest, malformed("the body could not be read to its end")}
		}
	}
}

// uncountedBody is how long a body may be that is read without waiting for room.
const uncountedBody = 16 << 10

// admitBody waits for room for a body that is not small, until the exchange is over: what is decoded of it is as long.
func (x *exchange) admitBody(limit int64) bool {
	if x.Answers == nil {
		return true
	}
	n := limit
	if x.r.ContentLength > 0 {
		n = x.r.ContentLength
	}
	if !x.Answers.incoming.acquire(x.r.Context(), x.client, 2*n) {
		return false
	}
	x.body = 2 * n
	return true
}

// Limits of drain.
const (
	drainTimeout = 2 * time.Second
	drainBytes   = 64 << 20
)

// drain sends the response off and reads on for a while, keeping nothing. A connection that is closed while its client
// still writes is reset, and a reset takes the response from the client before it has read it. HTTP/2 has a way to say
// that no more is wanted.
func (x *exchange) drain() {
	if x.r.ProtoMajor != 1 {
		return
	}
	controller := http.NewResponseController(x.w)
	if controller.SetReadDeadline(time.Now().Add(drainTimeout)) != nil || controller.EnableFullDuplex() != nil {
		return
	}
	if controller.Flush() == nil {
		_, _ = io.CopyN(io.Discard, x.r.Body, drainBytes)
	}
}

// bodyTooLarge has the connection closed after the response, since the rest of the body is not read.
func (x *exchange) bodyTooLarge(limit int64) *refusal {
	x.w.Header().Set("Connection", "close")
	return &refusal{http.StatusRequestEntityTooLarge, tooLarge("the body", limit)}
}

// bodyDeadline sets when the body must have arrived, and returns what lifts that again for the streams that follow. It
// stays where the body did not arrive: net/http reads what is left of it before it answers, and would wait without end.
// Not every ResponseWriter knows deadlines; those that don't are no sockets.
func (x *exchange) bodyDeadline() (lift func()) {
	timeout := x.BodyTimeout
	if timeout == 0 {
		timeout = DefaultBodyTimeout
	}
	controller := http.NewResponseController(x.w)
	if controller.SetReadDeadline(time.Now().Add(timeout)) != nil {
		return func() {}
	}
	return func() { _ = controller.SetReadDeadline(time.Time{}) }
}
