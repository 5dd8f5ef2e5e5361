//go:build unix

package chaos

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"chattok/internal/cluster"
	"chattok/internal/history"
	"chattok/internal/natstest"
	"chattok/internal/need"
	"chattok/internal/pgtest"
	"chattok/internal/program"
)

// environment makes connections end soon, so that a run has many ends.
var environment = slices.Concat(program.HighRates, []string{"CHATTOK_GRACE=4s", "CHATTOK_IDLE=15s", "CHATTOK_LOG_FORMAT=text", "CHATTOK_API_SECRET=" + secret})

// seed returns a new seed, or the one that CHATTOK_SEED names.
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
	config.Program = program.ChattokT(t)
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

// enough says whether so much happened that it can be judged: half of what was tried while a node was up, which is a share of the time.
func enough(n history.Counts, up float64) bool {
	half := func(tried int) int { return int(float64(tried) * up / 2) }
	return n.Answered >= half(n.Adds) && n.Changed >= half(n.EntryChanges) && !slices.Contains([]int{n.Answered, n.Seen, n.Resumes, n.Latest, n.Heard,
		n.Changes, n.Changed, n.Events, n.Reads}, 0)
}

// always is the share of time in which some node of several is up.
const always = 1

// judge reports the outcome of a run in which a node was up for this share of the time, and shows the nodes' logs where the run has failed.
func judge(t *testing.T, c *cluster.Cluster, up float64, report *Report, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	if report != nil {
		t.Log(report)
		if !report.Holds() {
			t.Error("the run is not as it should be")
		}
		var sum history.Counts
		for id, v := range report.Verdicts {
			switch {
			case id == keptVerdict && (v.Answered == 0 || v.Events == 0):
				t.Errorf("too little happened in %s to judge by", id)
			case id == keptVerdict:
			case id == feedVerdict && (v.Fed == 0 || v.Resumes == 0):
				t.Errorf("the feed was not read: %s", v)
			case id == feedVerdict:
			case len(report.Verdicts) > manyRooms: // little happens in each of many
				sum = sum.Plus(v.Counts)
				if v.Answered == 0 || v.Seen == 0 {
					t.Errorf("nothing happened in %s", id)
				}
			case !enough(v.Counts, up):
				t.Errorf("too little happened in %s to judge by", id)
			}
		}
		if len(report.Verdicts) > manyRooms && !enough(sum, up) {
			t.Error("too little happened to judge by")
		}
	}
	if t.Failed() {
		for _, n := range c.Nodes {
			t.Logf("%s:\n%s", n.Name(), n.Tail())
		}
	}
}

// TestOneNode kills and restarts a node on its embedded database while people use it.
func TestOneNode(t *testing.T) {
	s := seed(t)
	const lasts = 8 * time.Second
	c := startCluster(t, cluster.Config{SQLite: true, Env: environment})
	schedule := Schedule(s, lasts, Targets{Nodes: 1})
	up := lasts
	for _, e := range schedule {
		up -= e.For
	}
	report, err := Run(t.Context(), Config{Cluster: c, Seed: s, Rooms: 2, Log: t.Logf, Schedule: schedule})
	judge(t, c, up.Seconds()/lasts.Seconds(), report, err)
}

// lasting is the time that TestChaos takes. CHATTOK_CHAOS names another one, for the soak.
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

// rooms is the number of sessions of a run, with their people: CHATTOK_CHAOS_SESSIONS and CHATTOK_CHAOS_PEOPLE, else 0 for the usual.
func rooms(t *testing.T) (sessions, people int) {
	t.Helper()
	for name, n := range map[string]*int{"CHATTOK_CHAOS_SESSIONS": &sessions, "CHATTOK_CHAOS_PEOPLE": &people} {
		if s := os.Getenv(name); s != "" {
			var err error
			if *n, err = strconv.Atoi(s); err != nil {
				t.Fatal(name, ": ", err)
			}
		}
	}
	return sessions, people
}

// TestChaos attacks three nodes, PostgreSQL and NATS in every way while people use them.
func TestChaos(t *testing.T) {
	s, lasts := seed(t), duration(t)
	t.Logf("CHATTOK_SEED=%d", s)
	c := startCluster(t, cluster.Config{NATS: natstest.Binary(t), Faults: true, Seed: s, Env: environment})
	sessions, people := rooms(t)
	report, err := Run(t.Context(), Config{Cluster: c, Seed: s, Log: t.Logf, Rooms: sessions, People: people,
		Schedule: Schedule(s, lasts, Targets{Nodes: len(c.Nodes), Database: true, Bus: true})})
	judge(t, c, always, report, err)
}

// TestChaosWithoutNATS is TestChaos with nodes that use LISTEN and NOTIFY, for a shorter time.
func TestChaosWithoutNATS(t *testing.T) {
	s, lasts := seed(t), duration(t)/4
	t.Logf("CHATTOK_SEED=%d", s)
	c := startCluster(t, cluster.Config{Faults: true, Seed: s, Env: environment})
	report, err := Run(t.Context(), Config{Cluster: c, Seed: s, Log: t.Logf,
		Schedule: Schedule(s, lasts, Targets{Nodes: len(c.Nodes), Database: true})})
	judge(t, c, always, report, err)
}
