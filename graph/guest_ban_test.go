package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"testing"

	"chattok/session"
)

// A guest is banned by its name: the entries of every guest at the address that used the name last are refused, and no others.
func TestBanOfGuest(t *testing.T) {
	w := newWorld(t, options{streams: from, proxy: netip.MustParsePrefix("10.0.0.0/8").Contains})
	// Without a field that needs a resolver the fast way is taken, and with one gqlgen's.
	ways := []string{"seq", "seq connection{id}"}
	post := func(name, address string) string {
		t.Helper()
		var got [2]string
		for i, fields := range ways {
			answer := w.postWith(t, http.Header{"X-Test-Address": {address}}, fmt.Sprintf(`mutation{addChatEntry(connectionId:%q,body:"x"){%s}}`, name, fields))
			var failures struct{ Errors []failure }
			if err := json.Unmarshal(answer.Body.Bytes(), &failures); err != nil {
				t.Fatal(err)
			}
			got[i] = codeOf(failures.Errors)
		}
		if got[0] != got[1] {
			t.Errorf("%s at %s: %v", name, address, got)
		}
		return got[0]
	}
	ban := func(name string, deleteEntries bool) (id string) {
		t.Helper()
		data := w.mustDo(t, testSecret, `mutation($c:ID!,$d:Boolean){banConnection(connectionId:$c,seconds:3600,deleteEntries:$d,sessionId:"lobby"){id userId connection{id}}}`,
			map[string]any{"c": name, "d": deleteEntries})
		made := read[struct {
			BanConnection struct {
				ID         string
				UserID     *string
				Connection struct{ ID string }
			}
		}](t, data).BanConnection
		if made.UserID != nil || made.Connection.ID != name {
			t.Errorf("the ban of %s is %+v", name, made)
		}
		return made.ID
	}
	unban := func(id string) {
		t.Helper()
		w.mustDo(t, testSecret, `mutation($b:ID!){unban(id:$b,sessionId:"lobby"){id}}`, map[string]any{"b": id})
	}
	want := func(codes map[[2]string]string) {
		t.Helper()
		for at, code := range codes {
			if got := post(at[0], at[1]); got != code {
				t.Errorf("%s at %s: %s, want %s", at[0], at[1], got, code)
			}
		}
	}
	const banned = "FORBIDDEN BANNED"
	want(map[[2]string]string{{"troll", "192.0.2.1"}: ok, {"ann", "192.0.2.9"}: ok})
	if got := w.code(t, testSecret, `mutation{banConnection(connectionId:"nobody",seconds:9,sessionId:"lobby"){id}}`, nil); got != "NOT_FOUND" {
		t.Errorf("a name that nobody used: %s", got)
	}
	first := ban("troll", true)
	want(map[[2]string]string{
		{"troll", "192.0.2.1"}: banned, {"other", "192.0.2.1"}: banned, {"ann", "192.0.2.1"}: banned, // the address
		{"ann", "192.0.2.9"}: ok,
	})
	var log struct {
		ChatEntries struct {
			Nodes []struct {
				ConnectionID string
				DeletedBy    *string
			}
		}
	}
	if err := json.Unmarshal(w.mustDo(t, "", `{chatEntries(first:2){nodes{connectionId deletedBy}}}`, nil), &log); err != nil {
		t.Fatal(err)
	}
	for _, e := range log.ChatEntries.Nodes {
		if e.ConnectionID == "troll" && e.DeletedBy == nil {
			t.Error("the entries of the guest were to be deleted too")
		}
	}

	// The name stays free, and a ban goes by the newest address.
	want(map[[2]string]string{{"troll", "192.0.2.2"}: ok})
	second := ban("troll", false)
	want(map[[2]string]string{{"troll", "192.0.2.2"}: banned, {"troll", "192.0.2.1"}: banned, {"troll", "192.0.2.3"}: ok})
	unban(first)
	want(map[[2]string]string{{"troll", "192.0.2.1"}: ok, {"x", "192.0.2.2"}: banned})
	unban(second)
	want(map[[2]string]string{{"x", "192.0.2.2"}: ok})

	// Loopback and a proxy's own address are nobody's: then nobody is kept out, and an address from before neither.
	for _, address := range []string{"127.0.0.1", "10.0.0.1", ""} {
		want(map[[2]string]string{{"near", "192.0.2.4"}: ok})
		want(map[[2]string]string{{"near", address}: ok})
		ban("near", false)
		want(map[[2]string]string{{"near", address}: ok, {"near", "192.0.2.4"}: ok})
	}
}

// deleting is a Store that notes where each search for entries to delete begins.
type deleting struct {
	session.Store
	before *[]int64
}

func (s deleting) DeleteEntries(ctx context.Context, sessionID, connectionID string, userID *string, by session.Actor, before int64, limit int) (session.LogRun, int64, error) {
	*s.before = append(*s.before, before)
	return s.Store.DeleteEntries(ctx, sessionID, connectionID, userID, by, before, limit)
}

// Where a ban deletes many entries, the search goes on where it ended.
func TestBanDeletesInOneSearch(t *testing.T) {
	var before []int64
	w := newWorld(t, options{store: func(s session.Store) session.Store { return deleting{s, &before} }})
	author := w.asUser(t, "room", "author", session.RolePublisher)
	caller, err := w.service.Member(t.Context(), session.AccessGrant{SessionID: "room", ConnectionID: author.id, Role: session.RolePublisher})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 450)
	for range cap(done) {
		go func() {
			_, err := w.service.AddChatEntry(t.Context(), caller, session.EntryArgs{Body: "x"})
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	w.mustDo(t, testSecret, `mutation($c:ID!){banConnection(connectionId:$c,seconds:9,deleteEntries:true,sessionId:"room"){id}}`, map[string]any{"c": author.id})
	if want := []int64{0, 251, 51}; !reflect.DeepEqual(before, want) {
		t.Errorf("it searched before %v, want %v", before, want)
	}
	mod := w.join(t, "room", session.RoleModerator)
	if data := w.mustDo(t, mod.token, `{latestChatEntry(connectionId:"`+author.id+`"){seq}}`, nil); string(data) != `{"latestChatEntry":null}` {
		t.Errorf("left: %s", data)
	}
}
