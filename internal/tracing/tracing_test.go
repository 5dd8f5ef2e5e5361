package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chattok/internal/otlptest"
	"chattok/session"
)

// open returns a tracer that sends to a collector, and a function that sends what waits and returns all spans.
func open(t *testing.T, variables ...string) (tracer *Tracer, sent func() []otlptest.Span) {
	t.Helper()
	c := otlptest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
	tracer, err := New(t.Context(), Config{Getenv: os.Getenv, Version: "1.2.3", Node: "node-1", Log: slog.New(slog.DiscardHandler)})
	if err != nil || tracer == nil {
		t.Fatal(tracer, err)
	}
	return tracer, func() []otlptest.Span {
		t.Helper()
		if err := tracer.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c.Spans()
	}
}

const (
	clientTrace = "0af7651916cd43dd8448eb211c80319c"
	clientSpan  = "b7ad6b7169203331"
)

// A commit belongs to the first operation and names the others, which name it; a delivery belongs to its commit.
func TestCommitHasManyOperations(t *testing.T) {
	tracer, sent := open(t)
	var ends []func(string, bool)
	var contexts []context.Context
	var operations []session.Trace
	for range 3 {
		ctx, end := tracer.Begin(t.Context(), "mutation", "addChatEntry", "")
		contexts, ends, operations = append(contexts, ctx), append(ends, end), append(operations, tracer.Operation(ctx))
	}
	commit := tracer.Committed(time.Now().Add(-time.Millisecond), operations, 5, true)
	for i, ctx := range contexts {
		tracer.Stored(ctx, commit)
		ends[i]("OK", false)
	}
	at := session.LogPlace{Epoch: 7, Place: 3}
	tracer.Arrived(commit, at)
	if !tracer.Awaits() {
		t.Error("no delivery is waited for")
	}
	tracer.Delivered(session.LogPlace{Epoch: 7, Place: 4})
	for range 2 { // the second is no first
		tracer.Delivered(at)
	}
	if tracer.Awaits() {
		t.Error("a delivery is still waited for")
	}
	var got []string
	for _, s := range sent() {
		links := make([]string, len(s.Links))
		for i, l := range s.Links {
			links[i] = name(l.SpanId, operations, commit)
		}
		got = append(got, fmt.Sprintf("%s %v under %s, linked to %v, failed %v", s.Name, s.Kind, name(s.ParentSpanId, operations, commit), links, s.Status.GetCode() == 2))
	}
	want := []string{
		"commit SPAN_KIND_INTERNAL under operation 0, linked to [operation 1 operation 2], failed true",
		"mutation addChatEntry SPAN_KIND_SERVER under none, linked to [], failed false",
		"mutation addChatEntry SPAN_KIND_SERVER under none, linked to [commit], failed false",
		"mutation addChatEntry SPAN_KIND_SERVER under none, linked to [commit], failed false",
		"deliver SPAN_KIND_CONSUMER under commit, linked to [], failed false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func name(id []byte, operations []session.Trace, commit session.Trace) string {
	for i, o := range operations {
		if bytes.Equal(id, o.SpanID[:]) {
			return fmt.Sprint("operation ", i)
		}
	}
	switch {
	case bytes.Equal(id, commit.SpanID[:]):
		return "commit"
	case len(id) == 0:
		return "none"
	}
	return fmt.Sprintf("%x", id)
}

// A client's span is the parent of its operation, and never makes it be traced: neither by its flag nor by the number of its trace.
func TestClientNeverForcesSampling(t *testing.T) {
	const rounds = 2000
	sampled, not := "00-"+clientTrace+"-"+clientSpan+"-01", "00-"+clientTrace+"-"+clientSpan+"-00"
	for _, c := range []struct {
		sampler, argument, parent string
		least, most               int // operations of rounds that are traced
		within                    bool
	}{
		{"", "", "", rounds, rounds, false},
		{"", "", sampled, rounds, rounds, true},
		{"", "", not, 0, 0, false},
		{"always_on", "", not, rounds, rounds, true},
		{"parentbased_always_off", "", sampled, 0, 0, false},
		{"always_off", "", sampled, 0, 0, false},
		{"traceidratio", "0", sampled, 0, 0, false},
		{"parentbased_traceidratio", "0.1", sampled, 100, 320, true}, // 15 standard deviations around 200
		{"traceidratio", "0.1", "00-ffffffffffffff000000000000000000-" + clientSpan + "-01", 100, 320, false},
		{"parentbased_traceidratio", "0.1", "", 100, 320, false},
		{"", "", "00-" + strings.Repeat("0", 32) + "-" + clientSpan + "-01", rounds, rounds, false},
		{"", "", strings.Repeat("x", 10_000), rounds, rounds, false},
	} {
		t.Run(fmt.Sprint(c.sampler, " ", c.argument, " ", c.parent[:min(len(c.parent), 60)]), func(t *testing.T) {
			tracer, _ := open(t, "OTEL_TRACES_SAMPLER", c.sampler, "OTEL_TRACES_SAMPLER_ARG", c.argument)
			traced := 0
			for range rounds {
				ctx, end := tracer.Begin(t.Context(), "query", "session", c.parent)
				if of := tracer.Operation(ctx); !of.IsZero() {
					traced++
					if got := trace.TraceID(of.TraceID).String() == clientTrace; got != c.within {
						t.Fatalf("in the client's trace: %v", got)
					}
				}
				end("OK", false)
			}
			if traced < c.least || traced > c.most {
				t.Errorf("%d of %d are traced, want %d to %d", traced, rounds, c.least, c.most)
			}
		})
	}
}

// The environment switches traces on and off, and says who sends them. A variable that can't be followed is an error that names it.
func TestEnvironment(t *testing.T) {
	tracer, sent := open(t, "OTEL_SERVICE_NAME", "chat", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test", "OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc")
	_, end := tracer.Begin(t.Context(), "query", "server", "")
	end("FORBIDDEN", false)
	spans := sent()
	if len(spans) != 1 || spans[0].Name != "query server" || spans[0].Attribute("chattok.code") != "FORBIDDEN" || spans[0].Attribute("graphql.operation.type") != "query" {
		t.Fatalf("%v", spans)
	}
	for name, want := range map[string]string{"service.name": "chat", "service.version": "1.2.3", "service.instance.id": "node-1", "deployment.environment": "test"} {
		if got := spans[0].Resource[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct{ variables, want string }{
		{"", "off"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "on"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4318/v1/traces", "on"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_SDK_DISABLED=true", "off"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_TRACES_EXPORTER=none", "off"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_TRACES_EXPORTER=zipkin", "OTEL_TRACES_EXPORTER"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf", "on"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_TRACES_SAMPLER=jaeger_remote", "OTEL_TRACES_SAMPLER"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=2", "OTEL_TRACES_SAMPLER_ARG"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=NaN", "OTEL_TRACES_SAMPLER_ARG"},
	} {
		e, err := readEnvironment(func(name string) string {
			for _, v := range strings.Fields(c.variables) {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		})
		got := "on"
		switch {
		case err != nil:
			got, _, _ = strings.Cut(err.Error(), " ")
		case e.off:
			got = "off"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.variables, got, c.want)
		}
	}
}

// Events that nobody reads do not add up, and a delivery that comes late is none.
func TestPendingIsBounded(t *testing.T) {
	p, now := newPending(), time.Now()
	place := func(i int) session.LogPlace { return session.LogPlace{Epoch: 1, Place: int64(i)} }
	for i := range pendingLimit + 10 {
		p.add(place(i), delivery{arrived: now})
	}
	if n := p.count.Load(); n != pendingLimit {
		t.Errorf("%d are waited for", n)
	}
	if _, ok := p.take(place(0), now.Add(pendingTime+1)); ok {
		t.Error("a delivery is told of that came late")
	}
	if _, ok := p.take(place(1), now.Add(pendingTime)); !ok {
		t.Error("a delivery in time is not told of")
	}
	later := now.Add(pendingTime + 1)
	p.add(place(-1), delivery{arrived: later}) // there is room
	p.add(place(-2), delivery{arrived: later})
	p.add(place(-3), delivery{arrived: later}) // those that took too long make room
	if n := p.count.Load(); n != 3 {
		t.Errorf("%d are waited for after the others took too long", n)
	}
}

// A collector that never answers delays the end for as long as its context allows, and the operations not at all; spans that
// don't fit the queue are dropped.
func TestCollectorHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // nobody accepts
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	tracer, err := New(t.Context(), Config{Getenv: os.Getenv, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for range 20_000 {
		_, end := tracer.Begin(t.Context(), "query", "session", "")
		end("OK", false)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("20,000 operations took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun = time.Now()
	if err := tracer.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the end: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// Failures to send are a warning once a minute, of a bounded length.
func TestFailuresAreWarnedOfOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	now := time.Now()
	handle := failures(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	for range 5 {
		handle(errors.New(strings.Repeat("x", 5000)))
	}
	now = now.Add(failurePause)
	handle(errors.New("again"))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || len(lines[0]) > 600 || !strings.Contains(lines[1], "error=again others=4") {
		t.Errorf("%q", lines)
	}
}
