//go:build unix

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"chattok/internal/cluster"
	"chattok/internal/natstest"
	"chattok/internal/need"
	"chattok/internal/pgtest"
)

// environment has connections end soon, so that a run sees many ends.
var environment = slices.Concat(cluster.HighRates, []string{"CHATTOK_GRACE=4s", "CHATTOK_IDLE=15s", "CHATTOK_LOG_FORMAT=text"})

// program is the real binary, built once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chattok-chaos-")
	if err != nil {
		return "", err
	}
	programDir = dir
	path := filepath.Join(dir, "chattok")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

var programDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if programDir != "" {
		if err := os.RemoveAll(programDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// seed is a new one, unless CHATTOK_SEED names an old one.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("CHATTOK_SEED")
	if s == "" {
		return uint64(time.Now().UnixNano()) % 1e9
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal("CHATTOK_SEED: ", err)
	}
	return n
}

func startCluster(t *testing.T, config cluster.Config) *cluster.Cluster {
	t.Helper()
	need.Time(t, "it starts a cluster")
	if !config.SQLite {
		pgtest.Need(t)
	}
	var err error
	if config.Program, err = program(); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// judge reports a run's outcome, and keeps the nodes' logs in sight where it is not as it should be.
func judge(t *testing.T, c *cluster.Cluster, report *Report, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	if report != nil {
		t.Log(report)
		if !report.Holds() {
			t.Error("the run is not as it should be")
		}
		for id, v := range report.Verdicts {
			if v.Answered < v.Adds/2 || v.Answered == 0 || v.Seen == 0 || v.Resumes == 0 || v.Latest == 0 || v.Heard == 0 || v.Changes == 0 {
				t.Errorf("too little happened in %s to judge by", id)
			}
		}
	}
	if t.Failed() {
		for _, n := range c.Nodes {
			t.Logf("%s:\n%s", n.Name(), cluster.Tail(n.LogFile()))
		}
	}
}

// TestOneNode has a node on its embedded database killed and restarted under people.
func TestOneNode(t *testing.T) {
	s := seed(t)
	c := startCluster(t, cluster.Config{SQLite: true, Env: environment})
	report, err := Run(t.Context(), Config{Cluster: c, Seed: s, Rooms: 2, Log: t.Logf,
		Schedule: Schedule(s, 8*time.Second, Targets{Nodes: 1})})
	judge(t, c, report, err)
}

// lasting is for how long TestChaos lasts; CHATTOK_CHAOS names another time, for the soak.
const lasting = time.Minute

func duration(t *testing.T) time.Duration {
	t.Helper()
	s := os.Getenv("CHATTOK_CHAOS")
	if s == "" {
		return lasting
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal("CHATTOK_CHAOS: ", err)
	}
	return d
}

// TestChaos has three nodes, PostgreSQL and NATS attacked in every way under people.
func TestChaos(t *testing.T) {
	s, lasts := seed(t), duration(t)
	t.Logf("CHATTOK_SEED=%d", s)
	c := startCluster(t, cluster.Config{NATS: natstest.Binary(t), Faults: true, Seed: s, Env: environment})
	report, err := Run(t.Context(), Config{Cluster: c, Seed: s, Log: t.Logf,
		Schedule: Schedule(s, lasts, Targets{Nodes: len(c.Nodes), Database: true, Bus: true})})
	judge(t, c, report, err)
}

// TestChaosWithoutNATS is TestChaos with the nodes joined by LISTEN and NOTIFY, for a shorter time.
func TestChaosWithoutNATS(t *testing.T) {
	s, lasts := seed(t), duration(t)/4
	t.Logf("CHATTOK_SEED=%d", s)
	c := startCluster(t, cluster.Config{Faults: true, Seed: s, Env: environment})
	report, err := Run(t.Context(), Config{Cluster: c, Seed: s, Log: t.Logf,
		Schedule: Schedule(s, lasts, Targets{Nodes: len(c.Nodes), Database: true})})
	judge(t, c, report, err)
}
