package metrics

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"chattok/bus/pgbus"
	"chattok/graph"
	"chattok/media"
	"chattok/session"
)

// TestEveryMetricIsExplained: docs/operations.md explains every metric of the server's own.
func TestEveryMetricIsExplained(t *testing.T) {
	operations, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	m := New(Build{})
	m.Observe(new(session.Service), new(graph.Handler))
	m.ObserveBus(new(pgbus.Bus))
	m.ObserveTURN(new(media.TURN))
	described := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(described)
	close(described)
	own := 0
	for d := range described {
		name := regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(d.String())
		if name == nil || !strings.HasPrefix(name[1], "chattok_") {
			continue
		}
		own++
		if !strings.Contains(string(operations), "`"+name[1]+"`") {
			t.Errorf("docs/operations.md does not explain %s", name[1])
		}
	}
	if own < 20 {
		t.Errorf("there are %d metrics", own)
	}
}
