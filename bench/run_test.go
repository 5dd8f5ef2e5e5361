//go:build linux

package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

func TestFanoutCountsEveryDelivery(t *testing.T) {
	for name, l := range map[string]load{
		"flat out":         {subscribers: 20, sessions: 1, posters: 4, entries: 200, size: 100},
		"several sessions": {subscribers: 20, sessions: 5, posters: 2, entries: 200, size: 20},
		"at a rate":        {subscribers: 20, sessions: 1, posters: 4, entries: 50, rate: 1000, size: 100},
		"nobody listens":   {subscribers: 0, sessions: 1, posters: 4, entries: 50, size: 100},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := runFanout(new(fake).serve(t), l)
			if err != nil {
				t.Fatal(err)
			}
			if l.subscribers > 0 && (r.perSecond <= 0 || r.postP99 < r.postP50 || r.postP50 <= 0) || r.addsPerSec <= 0 {
				t.Errorf("figures %+v", r)
			}
		})
	}
}

// Every fault of a server's that the generator claims to notice is planted here, in the middle of a run and at its end.
func TestFanoutNotices(t *testing.T) {
	const entries = 50
	deliverAt := func(at int64, what ...int64) func(int64) []int64 {
		return func(seq int64) []int64 {
			if seq == at {
				return what
			}
			return []int64{seq}
		}
	}
	swapped := func(seq int64) []int64 {
		switch seq {
		case 20:
			return nil
		case 21:
			return []int64{21, 20}
		}
		return []int64{seq}
	}
	for name, c := range map[string]struct {
		fake *fake
		want string
	}{
		"gap":             {&fake{deliver: deliverAt(20)}, "entries 20 to 20 are missing"},
		"double":          {&fake{deliver: deliverAt(20, 20, 20)}, "entry 20 came again or late, after 20"},
		"disorder":        {&fake{deliver: swapped}, "entries 20 to 20 are missing"},
		"double at end":   {&fake{deliver: deliverAt(entries+1, entries+1, entries+1)}, "entry 51 came again or late, after 51"},
		"one too many":    {&fake{deliver: deliverAt(entries+1, entries+1, entries+2)}, "1 deliveries too many"},
		"number answered": {&fake{number: func(seq int64) int64 { return max(1, seq-seq%2) }}, "came again or late"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runFanout(c.fake.serve(t), load{subscribers: 1, sessions: 1, posters: 1, entries: entries, size: 100})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAddsNotice(t *testing.T) {
	for name, c := range map[string]struct {
		number func(int64) int64
		want   string
	}{
		"right":           {nil, ""},
		"a number twice":  {func(seq int64) int64 { return max(1, seq-1) }, "came again or late"},
		"a hole":          {func(seq int64) int64 { return seq + seq/10 }, "are missing"},
		"one is not kept": {func(seq int64) int64 { return seq - 1 }, "came again or late"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := measureAdds((&fake{number: c.number}).serve(t), 3, 1, 100, 50*time.Millisecond)
			switch {
			case c.want == "" && (err != nil || r.perSecond <= 0 || r.p99 < r.p50):
				t.Errorf("%+v, %v", r, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestHeadMustBeTheAnsweredAdds(t *testing.T) {
	f := new(fake)
	s := f.serve(t)
	c, err := dialClient(s.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	m, err := c.connect("s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := postAndRead(c, m, 50); err != nil {
		t.Fatal(err)
	}
	if err := checkHead(s, m, latestEntries); err != nil {
		t.Error(err)
	}
	if err := checkHead(s, m, latestEntries-1); err == nil {
		t.Error("a log that is longer than the answered adds went unnoticed")
	}
}

func TestLatestNoticesAnotherAnswer(t *testing.T) {
	f := new(fake)
	s := f.serve(t)
	members, err := connectAll(s, 2, func(int) string { return "s" })
	if err != nil {
		t.Fatal(err)
	}
	want := make([][]byte, 2)
	err = parallel(s.host, 2, func(i int, c *client) (err error) {
		want[i], err = postAndRead(c, members[i], 50)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := measureLatest(s, members, want, 20*time.Millisecond); err != nil || r.perSecond <= 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	want[0], want[1] = want[1], want[0]
	if _, err := measureLatest(s, members, want, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "latestChatEntry answered") {
		t.Errorf("each had the other's entry: %v", err)
	}
}

func TestRefusedArguments(t *testing.T) {
	for _, args := range [][]string{{"-only", "adds,nonsense"}, {"-turns", "0"}, {"-size", "19"}, {"-nonsense"}, {"-before", "main", "-only", "adds"}} {
		if err := run(context.Background(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
