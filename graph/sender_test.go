package graph_test

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// An entry whose sender's row is missing is read like every other, in pages and in subscriptions.
func TestEntryOfMissingSender(t *testing.T) {
	w := newWorld(t, options{grace: time.Minute})
	entryOfMissingSender(t, w, "sqlite", w.path)
}

func entryOfMissingSender(t *testing.T, w *world, driver, source string) {
	t.Helper()
	gone, me := w.join(t, "room", "MODERATOR"), w.join(t, "room", "PUBLISHER")
	first := w.add(t, gone.token, gone.id, "before")
	w.add(t, me.token, me.id, "after")
	w.stop()
	raw, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), "DELETE FROM connections WHERE id = '"+gone.id+"'"); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}

	w = newWorld(t, options{path: w.path, grace: time.Minute})
	const fields = `{seq body createdAt connectionId connection{id data role createdAt}}`
	want := `{"seq":1,"body":"before","createdAt":"` + first.CreatedAt + `","connectionId":"` + gone.id + `","connection":{"id":"` + gone.id +
		`","data":null,"role":"SUBSCRIBER","createdAt":"` + first.CreatedAt + `"}}`
	page := read[struct {
		ChatEntries struct{ Nodes []json.RawMessage }
	}](t, w.mustDo(t, me.token, `{chatEntries{nodes`+fields+`}}`, nil)).ChatEntries.Nodes
	if len(page) != 2 {
		t.Fatalf("a page of %d entries", len(page))
	}
	same(t, page[0], want)
	same(t, w.mustDo(t, me.token, `query($c:ID!){latestChatEntry(connectionId:$c)`+fields+`}`, map[string]any{"c": gone.id}), `{"latestChatEntry":`+want+`}`)
	address := serve(t, w.handler, 0)
	for _, f := range framings {
		s := mustFollow(t, address, f, me.token, `subscription{entryAdded(after:"0")`+fields+`}`, nil)
		if got := mustRespond(t, s); got != `{"data":{"entryAdded":`+want+`}}` {
			t.Errorf("%s: %s", f, got)
		}
		if got := mustRespond(t, s); !strings.Contains(got, `"seq":2`) {
			t.Errorf("%s goes on with %s", f, got)
		}
	}
}
