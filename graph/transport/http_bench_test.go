package transport

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler/transport"

	"chattok/graph/transport/jsonbody"
)

const benchBody = `{"query":"mutation Add($connectionId: ID!, $body: String!, $key: ID) { addChatEntry(connectionId: $connectionId, body: $body, idempotencyKey: $key) { id seq cursor createdAt } }",` +
	`"operationName":"Add","variables":{"connectionId":"Y29ubmVjdGlvbg","body":"Hello, \"world\": a line of chat \ud83d\ude00 of the usual length","key":"0b9c1d5e-7a3f"}}`

// discard is a ResponseWriter that keeps only the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// benchPost measures one mutation from the request's bytes to the response's, with a resolver that does nothing.
func benchPost(b *testing.B, server http.Handler) {
	request, err := http.NewRequest(http.MethodPost, "/graphql", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header = http.Header{"Content-Type": {typeJSON}, "Accept": {typeJSON}}
	body := strings.NewReader(benchBody)
	request.Body, request.ContentLength = io.NopCloser(body), int64(len(benchBody))
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(benchBody)
		w := &discard{header: http.Header{}}
		server.ServeHTTP(w, request)
		if w.status != http.StatusOK && w.status != 0 {
			b.Fatal(w.status)
		}
	}
}

func BenchmarkPost(b *testing.B) { benchPost(b, newServer(b, &stub{})) }

// BenchmarkPostGqlgen measures gqlgen's own transport on the same server, for comparison.
func BenchmarkPostGqlgen(b *testing.B) {
	benchPost(b, newServerWith(b, &stub{}, transport.POST{}))
}

func BenchmarkDecodeParams(b *testing.B) {
	raw := []byte(benchBody)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if params, err := jsonbody.Decode(raw); err != nil || params.Variables["key"] != "0b9c1d5e-7a3f" {
			b.Fatal(params, err)
		}
	}
}
