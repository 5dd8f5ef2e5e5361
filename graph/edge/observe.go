package edge

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/session"
)

// RequestIDHeader carries a request's id, both ways.
const RequestIDHeader = "X-Request-Id"

// maxRequestIDBytes bounds an id that a client or proxy chose.
const maxRequestIDBytes = 128

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to, or "" outside one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Detach returns a context with ctx's request id and nothing else of it, for what outlives the request.
func Detach(ctx context.Context) context.Context {
	return context.WithValue(context.Background(), requestIDKey{}, RequestID(ctx))
}

// Observe gives each request an id (its own X-Request-Id where that is 1 to 128 of A-Za-z0-9-_~., else a new one),
// puts it into the context and the response, logs one line a request at debug, and answers a panic with 500, code
// INTERNAL and that id, or, where a response has begun, by cutting it off. The log has the panic with its stack at
// error. It never has a query string, a header or a body.
func Observe(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := r.Header.Get(RequestIDHeader)
		if !validRequestID(id) {
			id = newRequestID()
		}
		w.Header()[RequestIDHeader] = []string{id}
		ctx := context.WithValue(r.Context(), requestIDKey{}, id)
		recorder := &responseRecorder{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause != nil && cause != http.ErrAbortHandler {
				logger.LogAttrs(ctx, slog.LevelError, "panic in a request", slog.String("request_id", id),
					slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
				if recorder.status == 0 {
					writeInternal(recorder, id)
					cause = nil
				}
			}
			logRequest(ctx, logger, r, recorder, id, time.Since(start))
			if cause != nil {
				// The client must see that the end is missing; net/http logs nothing of this one.
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(recorder, r.WithContext(ctx))
	})
}

func logRequest(ctx context.Context, logger *slog.Logger, r *http.Request, recorder *responseRecorder, id string, took time.Duration) {
	if !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	status := recorder.status
	if status == 0 {
		status = http.StatusOK // what net/http sends for a handler that wrote nothing
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "request",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.Int64("bytes", recorder.bytes), slog.Duration("duration", took), slog.String("request_id", id))
}

func writeInternal(w http.ResponseWriter, id string) {
	transport.WriteError(w, http.StatusInternalServerError, &gqlerror.Error{
		Message:    "internal error",
		Extensions: map[string]any{"code": string(session.CodeInternal), "requestId": id},
	})
}

// startID tells this process's request ids from others', and lastID one request's from another's.
var (
	startID = rand.Text()[:12]
	lastID  atomic.Uint64
)

// newRequestID returns an id that no other request has.
func newRequestID() string {
	id := make([]byte, 0, 32)
	id = append(append(id, startID...), '-')
	return string(strconv.AppendUint(id, lastID.Add(1), 36))
}

func validRequestID(id string) bool {
	if id == "" || len(id) > maxRequestIDBytes {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '~', c == '.':
		default:
			return false
		}
	}
	return true
}
