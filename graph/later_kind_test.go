package graph_test

import (
	"strings"
	"testing"
	"time"

	"chattok/graph"
	"chattok/session"
)

// An event of a kind that SessionEvent did not have at first goes to operations with a fragment on it alone, in every framing, and
// whether its execution is shared or not. An operation that was written before goes on as it was.
func TestLaterKindsNeedAFragment(t *testing.T) {
	w := newWorld(t, options{grace: time.Minute})
	me := w.join(t, "room", session.RoleModerator)
	servers := map[string]string{"ours": serve(t, w.handler, 0), "stock": serve(t, graph.Stock(w.service, w.tokens), 0)}
	const created, changed = `{"data":{"sessionEvents":{"__typename":"ConnectionCreated"}}}`, `{"data":{"sessionEvents":{"__typename":"SessionChanged"}}}`
	for query, told := range map[string]bool{
		`subscription{sessionEvents{__typename}}`:                                                                                     false,
		`subscription{sessionEvents{__typename ...on SessionState{streamCount}}}`:                                                     false,
		`subscription($no:Boolean=false){sessionEvents{__typename ...on SessionChanged@include(if:$no){__typename}}}`:                 false,
		`subscription{sessionEvents{__typename ...on SessionChanged{__typename}}}`:                                                    true,
		`subscription{sessionEvents{...{...F} __typename}} fragment F on SessionEvent{...G} fragment G on SessionChanged{__typename}`: true,
	} {
		for name, address := range servers {
			for _, f := range framings {
				if name == "stock" && f != webSocket {
					continue // gqlgen's own transports for HTTP are not served
				}
				s := mustFollow(t, address, f, me.token, query, nil)
				if got := mustRespond(t, s); !strings.Contains(got, "SessionState") {
					t.Fatalf("in place of the snapshot: %s", got)
				}
				before := w.slowMode(t, me)
				w.mustDo(t, me.token, `mutation($s:Int){updateSession(slowMode:$s){id}}`, map[string]any{"s": 1 - before})
				w.join(t, "room", session.RoleSubscriber)
				want := []string{created}
				if told {
					want = []string{changed, created}
				}
				for _, want := range want {
					if got := mustRespond(t, s); got != want {
						t.Errorf("%s over %s, %s: got %s, want %s", query, f, name, got, want)
					}
				}
				s.stop()
			}
		}
	}
}

func (w *world) slowMode(t *testing.T, p person) int {
	t.Helper()
	return read[struct{ Session struct{ SlowMode int } }](t, w.mustDo(t, p.token, `{session{slowMode}}`, nil)).Session.SlowMode
}
