//go:build unix

package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"chattok/internal/await"
	"chattok/internal/program"
)

const addAsGuest = `mutation($body: String!) { addChatEntry(connectionId: "ann", body: $body) { seq } }`

// TestDatabaseFilesGone moves the files of a served database away: adds are refused, /readyz says so and the log says why,
// until the files are back. Each entry that was answered is there after a restart.
func TestDatabaseFilesGone(t *testing.T) {
	for _, suffix := range []string{"", "-wal"} {
		t.Run("chattok.db"+suffix, func(t *testing.T) {
			s := program.StartT(t, program.Config{})
			add := func(body string) error {
				return post(t.Context(), s.Addr, addAsGuest, map[string]any{"body": body}, new(any))
			}
			if err := add("before"); err != nil {
				t.Fatal(err)
			}
			file := s.Database + suffix
			if err := os.Rename(file, file+".elsewhere"); err != nil {
				t.Fatal(err)
			}
			// Entries that are answered in the first moments are in the open file, as is "before".
			await.True(t, "an add is refused", func() bool {
				err := add("meanwhile")
				return err != nil && strings.Contains(err.Error(), "UNAVAILABLE")
			})
			if err := add("refused"); err == nil || !strings.Contains(err.Error(), "deleted or replaced") {
				t.Errorf("an add with the file gone: %v", err)
			}
			if status, body := get(t, s, "/readyz"); status != http.StatusServiceUnavailable {
				t.Errorf("/readyz: %d %s", status, body)
			}
			if !strings.Contains(string(s.Tail()), "the database's files are not what was opened") {
				t.Error("the log does not say why")
			}
			if err := os.Rename(file+".elsewhere", file); err != nil {
				t.Fatal(err)
			}
			await.True(t, "an add is stored again", func() bool { return add("after") == nil })
			await.True(t, "the server is ready again", func() bool {
				status, _ := get(t, s, "/readyz")
				return status == http.StatusOK
			})
			s.StopT(t)
			s.BeginT(t)
			var log struct {
				ChatEntries struct{ Nodes []entry }
			}
			if err := post(t.Context(), s.Addr, `{ chatEntries(first: 200) { nodes { seq body } } }`, nil, &log); err != nil {
				t.Fatal(err)
			}
			nodes := log.ChatEntries.Nodes
			if len(nodes) < 2 || nodes[0].Body != "before" || nodes[len(nodes)-1].Body != "after" {
				t.Errorf("after a restart the log is %+v", nodes)
			}
			for i, e := range nodes {
				if e.Seq != int64(i)+1 || e.Body == "refused" {
					t.Errorf("entry %d is %+v", i+1, e)
				}
			}
		})
	}
}
