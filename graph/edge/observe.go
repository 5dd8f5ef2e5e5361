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

// RequestIDHeader carries a request's id, in requests and responses.
const RequestIDHeader = "X-Request-Id"

// maxPlainBytes bounds an id, or a version, that a client or proxy sends.
const maxPlainBytes = 128

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to, or "" outside one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Detach returns a context with the request id of ctx and nothing else, for work that outlives the request.
func Detach(ctx context.Context) context.Context {
	return context.WithValue(context.Background(), requestIDKey{}, RequestID(ctx))
}

// Observe gives each request an id: its own X-Request-Id where that is 1 to 128 letters, digits, '-', '_', '~' and '.', else a new one.
// The id is in the context and in the response. Observe logs one line for each request, at debug. It answers a panic with
// 500, code INTERNAL and the id, or cuts the response off where it has begun; the panic is logged with its stack, at
// error. Query strings, bodies, and headers other than SDKHeader are never logged.
func Observe(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := r.Header.Get(RequestIDHeader)
		if !isPlain(id) {
			id = newRequestID()
		}
		w.Header()[RequestIDHeader] = []string{id}
		ctx := context.WithValue(r.Context(), requestIDKey{}, id)
		recorder := record(w)
		defer func() {
			cause := recover()
			if cause != nil && cause != http.ErrAbortHandler {
				logger.LogAttrs(ctx, slog.LevelError, "panic in a request", slog.String("request_id", id),
					slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
				if recorder.status == 0 {
					writeInternal(recorder.ResponseWriter, r, id)
					cause = nil
				}
			}
			logRequest(ctx, logger, r, recorder, id, time.Since(start))
			if cause != nil {
				// The client has to see that the end is missing; net/http logs nothing for this panic.
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(recorder.ResponseWriter, r.WithContext(ctx))
	})
}

func logRequest(ctx context.Context, logger *slog.Logger, r *http.Request, recorder *responseRecorder, id string, took time.Duration) {
	if !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	status := recorder.status
	if status == 0 {
		status = http.StatusOK // net/http sends this for a handler that wrote nothing
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.Int64("bytes", recorder.bytes), slog.Duration("duration", took), slog.String("request_id", id),
	}
	if sdk := r.Header.Get(SDKHeader); isPlain(sdk) {
		attrs = append(attrs, slog.String("sdk", sdk))
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "request", attrs...)
}

func writeInternal(w http.ResponseWriter, r *http.Request, id string) {
	transport.WriteError(w, r, http.StatusInternalServerError, &gqlerror.Error{
		Message:    "internal error",
		Extensions: map[string]any{"code": string(session.CodeInternal), "requestId": id},
	})
}

// startID makes the request ids of this process different from those of others; lastID numbers them.
var (
	startID = rand.Text()[:12]
	lastID  atomic.Uint64
)

// newRequestID returns an id that is not used for any other request.
func newRequestID() string {
	id := make([]byte, 0, 32)
	id = append(append(id, startID...), '-')
	return string(strconv.AppendUint(id, lastID.Add(1), 36))
}

// isPlain says whether a text of a client may stand in the log as it is: 1 to 128 ASCII letters, digits, '-', '_', '~' and '.'.
func isPlain(text string) bool {
	if text == "" || len(text) > maxPlainBytes {
		return false
	}
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '~', c == '.':
		default:
			return false
		}
	}
	return true
}
