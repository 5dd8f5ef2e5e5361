// Package rails answers the two routes of the Rails application in OpenTok's tutorial, for pages that were written for it:
//
//	POST /chat_entries/add                      form: connectionId, body
//	GET  /chat_entries/latest/{connectionId}
//
// Both answer {"chat_entry": {…}}, as Rails 3 does; latest answers null if the connection has posted no entry. Each route runs
// one operation by the API's handler, so that the API's tokens, rules, limits and rates apply. A request without a token is
// refused with 401, in open mode too: a guest can't use these routes. The API secret is in no session, so it is refused with 403.
package rails

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Root is the path that both routes are below.
const Root = "/chat_entries/"

// maxForm is the largest form accepted, in bytes. It fits the longest entry with every byte percent-encoded.
const maxForm = 64 << 10

const (
	fields          = `{ id seq connectionId body createdAt editedAt }`
	addOperation    = `mutation($connectionId: ID!, $body: String!) { entry: addChatEntry(connectionId: $connectionId, body: $body) ` + fields + ` }`
	latestOperation = `query($connectionId: ID!) { entry: latestChatEntry(connectionId: $connectionId) ` + fields + ` }`
)

// New returns a handler for the paths below Root. It runs operations by api, a handler of GraphQL over HTTP.
func New(api http.Handler) http.Handler {
	routes := routes{api}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Root+"add", routes.add)
	mux.HandleFunc("GET "+Root+"latest/{connectionId}", routes.latest)
	return mux
}

type routes struct{ api http.Handler }

// entry is a chat entry. It is decoded from the API's answer and encoded with Rails' names. updated_at is when its text was edited
// last, or stored.
type entry struct {
	ID           string `json:"id"`
	Seq          int64  `json:"seq"`
	ConnectionID string `json:"connectionId"`
	Body         string `json:"body"`
	CreatedAt    string `json:"createdAt"`
	EditedAt     string `json:"editedAt"` // empty where it was not
}

func (e entry) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID           string `json:"id"`
		Seq          int64  `json:"seq"`
		ConnectionID string `json:"connectionId"`
		Body         string `json:"body"`
		CreatedAt    string `json:"created_at"`
		UpdatedAt    string `json:"updated_at"`
	}{e.ID, e.Seq, e.ConnectionID, e.Body, e.CreatedAt, cmp.Or(e.EditedAt, e.CreatedAt)})
}

// failure is the error of a refused request; Code is one of the API's.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`

	retryAfterMs int64
}

func (s routes) add(w http.ResponseWriter, r *http.Request) {
	if !authorized(w, r) {
		return
	}
	form, status, message := readForm(w, r)
	if message != "" {
		refuse(w, status, failure{Code: "BAD_USER_INPUT", Message: message})
		return
	}
	s.answer(w, r, addOperation, map[string]string{"connectionId": form.Get("connectionId"), "body": form.Get("body")})
}

func (s routes) latest(w http.ResponseWriter, r *http.Request) {
	if !authorized(w, r) {
		return
	}
	s.answer(w, r, latestOperation, map[string]string{"connectionId": r.PathValue("connectionId")})
}

// authorized reports whether the request has an Authorization header, and refuses it otherwise. The API verifies the token.
func authorized(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return true
	}
	refuse(w, http.StatusUnauthorized, failure{Code: "UNAUTHENTICATED",
		Message: "send the connection's access token as \"Authorization: Bearer …\"; /sdk/opentok.js does it for a page whose TB session is connected"})
	return false
}

// readForm reads a request's form in either encoding that browsers send. If it can't be read, message is not empty and status
// is the answer's.
func readForm(w http.ResponseWriter, r *http.Request) (form url.Values, status int, message string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var err error
	switch kind {
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
	case "multipart/form-data":
		err = r.ParseMultipartForm(maxForm)
	default:
		return nil, http.StatusUnsupportedMediaType, "the body must be a form: application/x-www-form-urlencoded or multipart/form-data"
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, http.StatusRequestEntityTooLarge, "the form must be at most " + strconv.Itoa(maxForm) + " bytes"
	}
	if err != nil {
		return nil, http.StatusBadRequest, "the form can't be read"
	}
	for _, values := range r.PostForm {
		for _, value := range values {
			if !utf8.ValidString(value) {
				return nil, http.StatusBadRequest, "the form must be valid UTF-8"
			}
		}
	}
	return r.PostForm, 0, ""
}

// answer runs an operation as the request's caller and writes the resulting entry, or the refusal.
func (s routes) answer(w http.ResponseWriter, r *http.Request, operation string, variables map[string]string) {
	found, failed := s.run(r, operation, variables)
	if failed != nil {
		refuse(w, statusOf(failed.Code), *failed)
		return
	}
	if found == nil {
		write(w, http.StatusOK, nil)
		return
	}
	write(w, http.StatusOK, map[string]*entry{"chat_entry": found})
}

// run sends an operation to the API with the headers of r, which carry its token and its client's address.
func (s routes) run(r *http.Request, operation string, variables map[string]string) (*entry, *failure) {
	body, err := json.Marshal(map[string]any{"query": operation, "variables": variables})
	if err != nil {
		return nil, &failure{Code: "INTERNAL", Message: "internal error"}
	}
	asked := r.Clone(r.Context())
	asked.Method, asked.URL = http.MethodPost, &url.URL{Path: "/graphql"}
	asked.Proto, asked.ProtoMajor, asked.ProtoMinor = "HTTP/1.1", 1, 1 // whose answers have a body in any case
	asked.RequestURI, asked.Form, asked.PostForm, asked.MultipartForm = "", nil, nil, nil
	asked.Body, asked.ContentLength, asked.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	for _, name := range []string{"Accept-Encoding", "Content-Encoding", "Content-Length", "Expect"} {
		asked.Header.Del(name)
	}
	asked.Header.Set("Content-Type", "application/json")
	asked.Header.Set("Accept", "application/json")
	answered := &recorder{header: http.Header{}}
	s.api.ServeHTTP(answered, asked)
	return parse(answered.body.Bytes())
}

// parse reads the API's answer to one of the operations.
func parse(answer []byte) (*entry, *failure) {
	var result struct {
		Data   struct{ Entry *entry }
		Errors []struct {
			Message    string
			Extensions struct {
				Code         string
				RetryAfterMs int64
			}
		}
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return nil, &failure{Code: "INTERNAL", Message: "internal error"}
	}
	if len(result.Errors) > 0 {
		first := result.Errors[0]
		if strings.HasPrefix(first.Message, "sessionId ") { // of the operations' arguments it alone can't be given here
			return nil, &failure{Code: "FORBIDDEN", Message: "the API secret can't be used here: post and read by GraphQL, with sessionId"}
		}
		return nil, &failure{Code: first.Extensions.Code, Message: first.Message, retryAfterMs: first.Extensions.RetryAfterMs}
	}
	return result.Data.Entry, nil
}

// recorder is a ResponseWriter that keeps the body. The status is not needed, since every error has a code.
type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(int)             {}

// statusOf returns the HTTP status for a code of the API; 422 is Rails' status for an invalid record.
func statusOf(code string) int {
	switch code {
	case "UNAUTHENTICATED":
		return http.StatusUnauthorized
	case "FORBIDDEN":
		return http.StatusForbidden
	case "NOT_FOUND":
		return http.StatusNotFound
	case "BAD_USER_INPUT":
		return http.StatusUnprocessableEntity
	case "RATE_LIMITED":
		return http.StatusTooManyRequests
	case "UNAVAILABLE":
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

func refuse(w http.ResponseWriter, status int, why failure) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if why.retryAfterMs > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt((why.retryAfterMs+999)/1000, 10))
	}
	write(w, status, map[string]failure{"error": why})
}

// write answers with a value as JSON. Write errors are ignored: the client has closed the connection.
func write(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
