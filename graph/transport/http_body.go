package transport

import (
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"time"

	"chattok/graph/transport/gqlerr"
	"chattok/graph/transport/jsonbody"
)

// readBody reads the body into buffer, which grows with the bytes that have arrived, and to the announced length only once there is room
// for that.
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
	for {
		if len(b) > uncountedBody && !x.admitBody(2*max(x.r.ContentLength, int64(len(b)), x.unknownLength(limit))) {
			return &refusal{http.StatusServiceUnavailable, errNoTurn}
		}
		most := int(min(limit, math.MaxInt-1)) + 1 - len(b) // one byte above the limit shows that there are more
		if len(b) == cap(b) {
			more := len(b)
			if x.body > 0 && x.r.ContentLength >= int64(len(b)) {
				more = int(x.r.ContentLength) + 1 - len(b)
			}
			b = growTo(b, len(b)+min(more, most))
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
			return &refusal{http.StatusRequestTimeout, gqlerr.Malformed("the body did not arrive in time")}
		case err != nil:
			return &refusal{http.StatusBadRequest, gqlerr.Malformed("the body could not be read to its end")}
		}
	}
}

// growTo returns b with so much capacity, and no more.
func growTo(b []byte, n int) []byte {
	return append(make([]byte, 0, n), b...)
}

// uncountedBody is how long a body may be that is read without waiting for room.
const uncountedBody = 16 << 10

// unknownLength returns the most that a body may have whose length was not announced, and 0 for others.
func (x *exchange) unknownLength(limit int64) int64 {
	if x.r.ContentLength >= 0 {
		return 0
	}
	return limit
}

// roomOf returns the memory that a body or message needs until it is answered: twice its length, as the strings are decoded, and what its
// other values take. It is 0 where that is little.
func roomOf(text []byte) int64 {
	n := 2*int64(len(text)) + jsonbody.DecodedBytes(text)
	if len(text) <= uncountedBody && n <= lightBytes {
		return 0
	}
	return n
}

// admitBody reserves memory for a body that is not small, until the exchange is over, where less is reserved so far.
func (x *exchange) admitBody(n int64) bool {
	if x.Answers == nil || n <= x.body {
		return true
	}
	if !x.Answers.incoming.acquire(x.r.Context(), x.client, n-x.body) {
		return false
	}
	x.body = n
	return true
}

// Limits of drain.
const (
	drainTimeout = 2 * time.Second
	drainBytes   = 64 << 20
)

// drain sends the response off and reads on for a while, keeping nothing. Closing a connection while its client still
// writes would reset it, and a client may lose the response by the reset before it has read it. HTTP/2 can say by
// itself that no more is wanted.
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

// bodyTooLarge refuses the request and closes the connection after the response, as the rest of the body is not read.
func (x *exchange) bodyTooLarge(limit int64) *refusal {
	x.w.Header().Set("Connection", "close")
	return &refusal{http.StatusRequestEntityTooLarge, gqlerr.TooLarge("the body", limit)}
}

// bodyDeadline sets the time by which the body must have arrived, and returns a function that lifts it for a stream
// that follows. The deadline stays where the body did not arrive: net/http reads the rest of it before it answers, and
// would wait without end. A ResponseWriter without deadlines, which is not a socket, is left as it is.
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
