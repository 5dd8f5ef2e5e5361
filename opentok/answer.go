package opentok

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"chattok/session"
)

// maxBody is the largest body that is read, in bytes. It fits 1,000 ids of streams, and the longest signal with every byte
// escaped.
const maxBody = 256 << 10

// answer is what a request is answered with.
type answer struct {
	status int
	kind   string // its media type; JSON where empty
	value  any    // written as JSON; nil for no body
	text   string // written as it is, where value is nil
}

// jsonType is the media type of answers.
const jsonType = "application/json; charset=utf-8"

// write writes the answer. Write errors are ignored: the client has closed the connection.
func (a answer) write(w http.ResponseWriter, _ *http.Request) {
	body := []byte(a.text)
	if a.value != nil {
		var err error
		if body, err = json.Marshal(a.value); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	if len(body) > 0 {
		kind := a.kind
		if kind == "" {
			kind = jsonType
		}
		w.Header().Set("Content-Type", kind)
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

// failure is the body of a refusal.
type failure struct {
	Code    int    `json:"code"` // the HTTP status
	Message string `json:"message"`
}

// refusal is a request that is refused; its message may be shown to everybody.
type refusal struct {
	status  int
	message string
}

func (r refusal) Error() string { return r.message }

var errNoSuchPath = refusal{http.StatusNotFound, "there is no such path"}

func refuse(w http.ResponseWriter, status int, message string) {
	answer{status: status, value: failure{status, message}}.write(w, nil)
}

// statuses are the HTTP statuses of the domain's codes.
var statuses = map[session.Code]int{
	session.CodeBadUserInput:    http.StatusBadRequest,
	session.CodeForbidden:       http.StatusForbidden,
	session.CodeUnauthenticated: http.StatusForbidden,
	session.CodeNotFound:        http.StatusNotFound,
	session.CodeRateLimited:     http.StatusTooManyRequests,
	session.CodeUnavailable:     http.StatusServiceUnavailable,
}

// fail answers a request that failed. The cause of an error of the server itself is logged and not shown.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if refused, ok := errors.AsType[refusal](err); ok {
		refuse(w, refused.status, refused.message)
		return
	}
	known, ok := errors.AsType[*session.Error](err)
	status := statuses[session.CodeOf(err)]
	if !ok || status == 0 {
		h.Log.ErrorContext(r.Context(), "a request of an OpenTok library failed", "path", r.URL.Path, "error", err)
		refuse(w, http.StatusInternalServerError, "internal error")
		return
	}
	if known.Err != nil {
		h.Log.WarnContext(r.Context(), "a request of an OpenTok library failed", "path", r.URL.Path, "error", err)
	}
	if known.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((known.RetryAfter+time.Second-1)/time.Second), 10))
	}
	refuse(w, status, known.Message)
}

// readBody returns a request's body. Errors: a refusal.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, refusal{http.StatusRequestEntityTooLarge, "the body must be at most " + strconv.Itoa(maxBody) + " bytes"}
	}
	if err != nil {
		return nil, refusal{http.StatusBadRequest, "the body can't be read"}
	}
	return body, nil
}

// readJSON reads a request's body into a struct. Errors: a refusal.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return refusal{http.StatusBadRequest, "the body must be JSON, with members of the documented types"}
	}
	return nil
}

// wantsJSON says whether a client asks for JSON where older ones get XML.
func wantsJSON(r *http.Request) bool {
	for _, accepted := range r.Header.Values("Accept") {
		if strings.Contains(accepted, "json") {
			return true
		}
	}
	return false
}

// milliseconds is a time as OpenTok writes it.
func milliseconds(t time.Time) int64 { return t.UnixMilli() }
