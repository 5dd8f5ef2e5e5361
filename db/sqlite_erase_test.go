package db

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"chattok/internal/await"
	"chattok/session"
)

// Nothing of a deleted or edited text is in the file, its write-ahead log or a new backup, whatever moved within the file before:
// rows that grew, pages that were split and merged, and texts of several pages.
func TestDeletedTextsAreErased(t *testing.T) {
	t.Parallel()
	const entries = 3000
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	fileOf(store).erasures.after.Store(0) // not when the test ends
	random := rand.New(rand.NewPCG(3, 4))
	text := func(kind string, n int) string {
		size := 1 + random.IntN(400)
		if random.IntN(40) == 0 {
			size = 3000 + random.IntN(9000) // with overflow pages
		}
		return fmt.Sprintf("%s-%d-", kind, n) + strings.Repeat("x", size)
	}
	eraseConnect(t, store, "a1", "a2")
	group := make([]session.NewEntry, 0, 100)
	for n := 1; n <= entries; n++ {
		group = append(group, session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: text("secret", n)})
		if len(group) == cap(group) {
			for _, r := range store.AppendEntries(t.Context(), group) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			group = group[:0]
		}
	}
	kept := make(map[int64]bool) // entries whose text stays as it was
	for seq := range int64(entries) {
		kept[seq+1] = true
	}
	changes := make([]session.NewChange, 0, 20)
	for n := range 4 * entries {
		c := session.NewChange{SessionID: "a", Seq: 1 + random.Int64N(entries), Actor: session.Actor{ConnectionID: "a1"}}
		switch random.IntN(4) {
		case 0:
			c.Kind, c.Body, c.EditedIn = session.EntryEdited, text("secret-edit", n), time.Hour
		case 1:
			c.Kind, c.Name, c.On = session.EntryReacted, strings.Repeat("r", 1+random.IntN(60)), true
		default:
			continue
		}
		if changes = append(changes, c); len(changes) == cap(changes) {
			eraseChange(t, store, changes)
			changes = changes[:0]
		}
	}
	wantClear(t, store, "a")
	order := random.Perm(entries)
	for i, n := range order[:entries-500] {
		seq := int64(n + 1)
		c := session.NewChange{SessionID: "a", Seq: seq, Actor: session.Actor{ConnectionID: "a1"}, Kind: session.EntryDeleted}
		if i%3 == 0 {
			c.Kind, c.Body, c.EditedIn = session.EntryEdited, "mended", time.Hour
		}
		delete(kept, seq)
		if changes = append(changes, c); len(changes) == cap(changes) {
			eraseChange(t, store, changes)
			changes = changes[:0]
		}
	}
	eraseChange(t, store, changes)
	live := make(map[string]bool) // what may be found
	for _, e := range mustRead(t, store, session.EntryQuery{SessionID: "a", Limit: entries}) {
		if word, _, found := strings.Cut(e.Body, "-x"); found {
			live[word+"-"] = true
		}
	}
	await.True(t, "the log is truncated", func() bool { return walSize(t, path) == 0 })
	var intact string
	if err := store.readers.NewRaw("PRAGMA integrity_check").Scan(t.Context(), &intact); err != nil || intact != "ok" {
		t.Errorf("the database is damaged: %s, %v", intact, err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := store.writer.ExecContext(t.Context(), "VACUUM INTO ?", backup); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock", backup} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found, left := 0, make(map[string]bool)
		for rest := content; ; {
			at := bytes.Index(rest, []byte("secret-"))
			if at < 0 {
				break
			}
			rest = rest[at:]
			end := bytes.Index(rest, []byte("-x"))
			word := string(rest[:end+1])
			if found++; !live[word] && end < 40 {
				left[word] = true
			}
			rest = rest[7:]
		}
		if len(left) > 0 {
			t.Errorf("%s has %d texts that were deleted or edited, such as %.100s", filepath.Base(name), len(left), fmt.Sprint(left))
		}
		if name == path && found < 400 {
			t.Errorf("only %d of the texts that stay were found", found)
		}
	}
}

// wantClear checks that no page of the entries has anything in its unallocated space.
func wantClear(t *testing.T, store *Store, sessionID string) {
	t.Helper()
	tx, err := store.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	p := tablePages{ctx: t.Context(), tx: tx, statements: &store.writing}
	var root, row int64
	if err := p.scan(selectEntryRow, []any{&root, &row}, sessionID, 1); err != nil {
		t.Fatal(err)
	}
	if err := p.down(root, func(treePage) int { return 0 }); err != nil {
		t.Fatal(err)
	}
	leaves, unclear := 0, 0
	for more := true; more; {
		leaves++
		if from, to := unallocated(p.path[len(p.path)-1].data); from < to {
			unclear++
		}
		if more, err = p.step(+1); err != nil {
			t.Fatal(err)
		}
	}
	if unclear > 0 || leaves < 100 {
		t.Errorf("%d of %d pages have something in their unallocated space", unclear, leaves)
	}
}

func eraseConnect(t *testing.T, store *Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		made := store.CreateConnections(t.Context(), []session.NewConnection{
			{ID: id, SessionID: "a", Role: session.RolePublisher, MakeSession: true, NewEpoch: 1},
		}, time.Hour)
		if made[0].Err != nil {
			t.Fatal(made[0].Err)
		}
	}
}

func eraseChange(t *testing.T, store *Store, changes []session.NewChange) {
	t.Helper()
	for _, r := range store.ChangeEntries(t.Context(), changes) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// standStill begins to read the database, and goes on until the transaction that it returns ends, or the test.
func standStill(t *testing.T, store *Store) bun.Tx {
	t.Helper()
	reader, err := store.readers.BeginTx(t.Context(), store.engine.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Rollback() })
	var n int
	if err := reader.NewRaw("SELECT count(*) FROM entries").Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return reader
}

// A reader that stands still keeps the log from being truncated; once it has ended, the log is.
func TestErasureWaitsForReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	file := fileOf(store)
	file.erasures.after.Store(0)
	eraseConnect(t, store, "a1")
	added := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "secret"}})
	if added[0].Err != nil {
		t.Fatal(added[0].Err)
	}
	reader := standStill(t, store)
	eraseChange(t, store, []session.NewChange{{SessionID: "a", Seq: 1, Actor: session.Actor{ConnectionID: "a1"}, Kind: session.EntryDeleted}})
	for range 3 {
		if err := file.erase(t.Context()); err != nil {
			t.Fatal(err)
		}
		if walSize(t, path) == 0 || file.erasures.since.Load() == 0 {
			t.Fatal("the log was truncated beside a reader, or will not be")
		}
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	await.True(t, "the log is truncated", func() bool { return walSize(t, path) == 0 })
	if file.erasures.since.Load() != 0 {
		t.Error("it is truncated on")
	}
}

// sweeps counts the reads of whole runs of pages.
type sweeps struct{ n int }

func (s *sweeps) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (s *sweeps) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	if strings.Contains(event.Query, "sqlite_dbpage") {
		s.n++
	}
}

// While a reader keeps the log, an erasure does not sweep the file again and again: it did, and tries the truncation alone. Another
// erasure sweeps it once more.
func TestErasureSweepsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	seen := new(sweeps)
	store.readers = store.readers.WithQueryHook(seen)
	eraseConnect(t, store, "a1", "a2")
	clearing := func(id, connection string) {
		t.Helper()
		if _, err := store.CreateErasure(t.Context(), session.NewErasure{ID: id, ConnectionID: connection}); err != nil {
			t.Fatal(err)
		}
		if err := store.eraseAll(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if phase, err := store.SettleErasure(t.Context(), id); err != nil || phase != session.PhaseClearing {
			t.Fatalf("the phase is %s, %v", phase, err)
		}
	}
	reader := standStill(t, store)
	for k, id := range []string{"one", "two"} {
		clearing(id, fmt.Sprint("a", k+1))
		for range 3 {
			if err := store.ClearErased(t.Context()); session.CodeOf(err) != session.CodeUnavailable {
				t.Fatalf("beside a reader: %v", err)
			}
		}
		if seen.n != k+1 {
			t.Errorf("the file was swept %d times for %d erasures", seen.n, k+1)
		}
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	await.True(t, "the reader is gone", func() bool { return store.ClearErased(t.Context()) == nil })
	for _, id := range []string{"one", "two"} {
		if e, err := store.Erasure(t.Context(), id); err != nil || e.State != session.ErasureDone {
			t.Errorf("erasure %s is %+v, %v", id, e, err)
		}
	}
	if seen.n != 2 {
		t.Errorf("the file was swept %d times", seen.n)
	}
}

// A deleted text is erased though reads overlap without a gap, while others write.
func TestErasureBesideReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	fileOf(store).erasures.after.Store(0)
	eraseConnect(t, store, "a1")
	add := func(body string) {
		for _, r := range store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: body}}) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		}
	}
	add("a secret text")
	done := make(chan struct{})
	var busy sync.WaitGroup
	again := func(f func()) {
		busy.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					f()
				}
			}
		})
	}
	for range 3 {
		time.Sleep(20 * time.Millisecond) // so that they overlap
		again(func() {
			_, err := read(t.Context(), store, "read for a while", func(ctx context.Context) (n int, err error) {
				err = store.readers.RunInTx(ctx, store.engine.snapshot, func(ctx context.Context, tx bun.Tx) error {
					err := tx.NewRaw("SELECT count(*) FROM entries").Scan(ctx, &n)
					time.Sleep(60 * time.Millisecond)
					return err
				})
				return n, err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	again(func() { add("other"); time.Sleep(5 * time.Millisecond) })
	eraseChange(t, store, []session.NewChange{{SessionID: "a", Seq: 1, Actor: session.Actor{ConnectionID: "a1"}, Kind: session.EntryDeleted}})
	await.True(t, "the text is gone", func() bool {
		for _, name := range []string{path, path + "-wal"} {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(content, []byte("a secret text")) {
				return false
			}
		}
		return true
	})
	close(done)
	busy.Wait()
}
