// Package otlptest is a collector of traces for tests: it takes OTLP over HTTP, as real collectors do, and keeps what it gets.
package otlptest

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span and the resource that it is of.
type Span struct {
	*traces.Span
	Resource map[string]string
}

// Attribute returns an attribute as text; "" where there is none.
func (s Span) Attribute(name string) string { return texts(s.Attributes)[name] }

// Collector is a collector at URL.
type Collector struct {
	URL string

	ended atomic.Bool // the test is over

	mu      sync.Mutex
	spans   []Span
	bytes   []byte
	headers []http.Header
}

// Start starts a collector, which ends with the test.
func Start(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			if c.ended.Load() {
				return // its connection was closed with the collector
			}
			tb.Errorf("the collector got %s %s: %v", r.Method, r.URL, err)
			return
		}
		answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	}))
	tb.Cleanup(func() {
		c.ended.Store(true)
		server.Close()
	})
	c.URL = server.URL
	return c
}

func (c *Collector) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unpacked
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = append(c.bytes, b...)
	c.headers = append(c.headers, r.Header)
	for _, of := range request.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, span := range scope.Spans {
				c.spans = append(c.spans, Span{span, texts(of.Resource.GetAttributes())})
			}
		}
	}
	return nil
}

func texts(attributes []*common.KeyValue) map[string]string {
	texts := make(map[string]string, len(attributes))
	for _, a := range attributes {
		if text, ok := a.Value.Value.(*common.AnyValue_StringValue); ok {
			texts[a.Key] = text.StringValue
		} else {
			texts[a.Key] = a.Value.String()
		}
	}
	return texts
}

// Spans returns the spans that have come.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Bytes returns everything that has come, as it was sent.
func (c *Collector) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.bytes...)
}

// Headers returns the headers of the requests.
func (c *Collector) Headers() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]http.Header(nil), c.headers...)
}
