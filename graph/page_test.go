package graph_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
)

// Every window over five entries of two senders agrees with a model of the Relay specification: the entries between the
// cursors, cut from the front or the back, and flags that are true exactly where entries lie on that side of the page.
func TestPages(t *testing.T) {
	w := newWorld(t, options{})
	cursors := []string{"0"}
	from := []string{"", "a", "b", "a", "a", "b"} // the senders, by seq
	for _, name := range from[1:] {
		cursors = append(cursors, w.add(t, "", name, "x").Cursor)
	}
	check := func(t *testing.T) {
		for _, sender := range []string{"", "a", "b", "nobody"} {
			for after := -1; after <= 5; after++ {
				for before := -1; before <= 5; before++ {
					for n := -6; n <= 6; n++ {
						v := window{sender: sender, after: after, before: before, n: n}
						if got, want := w.page(t, v, cursors), v.want(from); got != want {
							t.Errorf("%+v: got %s, want %s", v, got, want)
						}
					}
				}
			}
		}
	}
	check(t)
	// A cursor keeps its place when the log grows.
	for range 20 {
		w.add(t, "", "c", "more")
	}
	from = append(from, slices.Repeat([]string{"c"}, 20)...)
	for after := range 3 {
		v := window{after: after, before: -1, n: 3}
		if got, want := w.page(t, v, cursors), v.want(from); got != want {
			t.Errorf("grown: %+v: got %s, want %s", v, got, want)
		}
	}
}

// window holds the arguments of a page: first n, or for a negative n last -n-1. A cursor of -1 is absent.
type window struct {
	sender           string
	after, before, n int
}

func (v window) variables(cursors []string) map[string]any {
	variables := map[string]any{}
	if v.sender != "" {
		variables["c"] = v.sender
	}
	if v.after >= 0 {
		variables["after"] = cursors[v.after]
	}
	if v.before >= 0 {
		variables["before"] = cursors[v.before]
	}
	if v.n >= 0 {
		variables["first"] = v.n
	} else {
		variables["last"] = -v.n - 1
	}
	return variables
}

// want returns the page of the model. An empty page lies directly after its after, with last directly before its
// before.
func (v window) want(from []string) string {
	mine := func(seq int) bool { return v.sender == "" || v.sender == from[seq] }
	var seqs []int
	for seq := 1; seq < len(from); seq++ {
		if mine(seq) && seq > v.after && (v.before < 0 || seq < v.before) {
			seqs = append(seqs, seq)
		}
	}
	if v.n >= 0 {
		seqs = seqs[:min(v.n, len(seqs))]
	} else {
		seqs = seqs[max(0, len(seqs)-(-v.n-1)):]
	}
	lo, hi := max(v.after, 0), max(v.after, 0) // entries up to lo lie before the page, those after hi behind it
	switch {
	case len(seqs) > 0:
		lo, hi = seqs[0]-1, seqs[len(seqs)-1]
	case v.before == 0:
		lo, hi = 0, 0
	case v.n < 0 && v.before > 0:
		lo, hi = v.before-1, v.before-1
	case v.n < 0:
		lo, hi = len(from), len(from)
	}
	previous, next := false, false
	for seq := 1; seq < len(from); seq++ {
		previous = previous || mine(seq) && seq <= lo
		next = next || mine(seq) && seq > hi
	}
	return fmt.Sprint(seqs, previous, next)
}

// page returns the server's page in the form of window.want, and checks that edges, nodes and the page's ends agree.
func (w *world) page(t *testing.T, v window, cursors []string) string {
	t.Helper()
	const query = `query($c:ID,$first:Int,$last:Int,$after:String,$before:String){chatEntries(first:$first,last:$last,after:$after,before:$before,connectionId:$c){
		edges{cursor node{seq}} nodes{seq cursor} pageInfo{hasPreviousPage hasNextPage startCursor endCursor}}}`
	page := read[struct {
		ChatEntries struct {
			Edges []struct {
				Cursor string
				Node   struct{ Seq int }
			}
			Nodes []struct {
				Seq    int
				Cursor string
			}
			PageInfo struct {
				HasPreviousPage, HasNextPage bool
				StartCursor, EndCursor       *string
			}
		}
	}](t, w.mustDo(t, "", query, v.variables(cursors))).ChatEntries
	var seqs []int
	for i, n := range page.Nodes {
		seqs = append(seqs, n.Seq)
		if page.Edges[i].Node.Seq != n.Seq || page.Edges[i].Cursor != n.Cursor {
			t.Errorf("%+v: edge %d is not of its node: %+v", v, i, page.Edges[i])
		}
	}
	if len(page.Edges) != len(seqs) {
		t.Errorf("%+v: %d edges of %d nodes", v, len(page.Edges), len(seqs))
	}
	info := page.PageInfo
	switch n := len(seqs); {
	case n == 0 && (info.StartCursor != nil || info.EndCursor != nil):
		t.Errorf("%+v: an empty page has ends", v)
	case n > 0 && (*info.StartCursor != page.Nodes[0].Cursor || *info.EndCursor != page.Nodes[n-1].Cursor):
		t.Errorf("%+v: the ends are %s and %s", v, *info.StartCursor, *info.EndCursor)
	}
	return fmt.Sprint(seqs, info.HasPreviousPage, info.HasNextPage)
}

// A page has 50 entries from the front where neither first nor last is given, and 200 at most.
func TestPageDefault(t *testing.T) {
	w := newWorld(t, options{})
	for i := range 205 {
		w.add(t, "", "a", strconv.Itoa(i))
	}
	type page struct {
		ChatEntries struct {
			Nodes []struct{ Seq int }
		}
	}
	for _, c := range []struct {
		arguments          string
		length, from, upTo int
	}{{`(connectionId:"a")`, 50, 1, 50}, {`(first:200)`, 200, 1, 200}, {`(last:200)`, 200, 6, 205}, {`(first:null,last:3)`, 3, 203, 205}} {
		nodes := read[page](t, w.mustDo(t, "", `{chatEntries`+c.arguments+`{nodes{seq}}}`, nil)).ChatEntries.Nodes
		if len(nodes) != c.length || nodes[0].Seq != c.from || nodes[len(nodes)-1].Seq != c.upTo {
			t.Errorf("%s: %d entries", c.arguments, len(nodes))
		}
	}
}
