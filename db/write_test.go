package db

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"chattok/internal/await"
	"chattok/session"
)

// Transactions of which few are made at a time wait for two others at most, however many of single callers wait before them: the one that
// has the turn, and the first of the others. One that gives up while it waits is in nobody's way.
func TestFewGoBeforeSingles(t *testing.T) { // not parallel: it looks at all goroutines
	for _, c := range []struct {
		name string
		add  func(ctx context.Context, store *Store) error // a row
	}{
		{"entries", func(ctx context.Context, store *Store) error {
			return store.AppendEntries(ctx, []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "b"}})[0].Err
		}},
		{"connections", func(ctx context.Context, store *Store) error {
			connection := session.NewConnection{ID: "a2", SessionID: "a", Role: session.RolePublisher}
			return store.CreateConnections(ctx, []session.NewConnection{connection}, time.Hour)[0].Err
		}},
		{"a lease", func(ctx context.Context, store *Store) error {
			_, err := store.RenewNode(ctx, "node", time.Minute, session.NodeReport{})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) { testFewGoBeforeSingles(t, c.add) })
	}
}

func testFewGoBeforeSingles(t *testing.T, add func(ctx context.Context, store *Store) error) {
	store := openInside(t, filepath.Join(t.TempDir(), "chattok.db"))
	store.backend.(*sqliteFile).erasures.after.Store(int64(time.Hour)) // so that the store itself does not wait for the turn
	eraseConnect(t, store, "a1")
	turn, err := store.acquireWriter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	giveBack := sync.OnceFunc(func() { store.releaseWriter(turn) })
	t.Cleanup(giveBack)
	const singles = 32
	gone, leave := context.WithCancel(t.Context())
	var ended, givenUp sync.WaitGroup
	made, before := 0, 0 // the turn to write guards both
	single := func(ctx context.Context) error {
		return store.write(ctx, "test", func(ctx context.Context, tx bun.Tx) error {
			var rows int
			const count = "SELECT (SELECT count(*) FROM entries) + (SELECT count(*) FROM connections) + (SELECT count(*) FROM nodes)"
			if err := tx.NewRaw(count).Scan(ctx, &rows); err != nil {
				return err
			}
			made++
			if rows == 1 {
				before++
			}
			return nil
		})
	}
	for range singles {
		ended.Go(func() {
			if err := single(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	awaitWaiting(t, "(*Store).acquireWriter", 1)
	for range singles {
		givenUp.Go(func() {
			if err := single(gone); err == nil {
				t.Error("a transaction was made whose caller had gone before its turn")
			}
		})
	}
	ended.Go(func() {
		if err := add(t.Context(), store); err != nil {
			t.Error(err)
		}
	})
	awaitWaiting(t, "(*Store).acquireWriter", 2)
	awaitWaiting(t, "(*Store).enterSingles", 2*singles-1)
	leave()
	givenUp.Wait()
	giveBack()
	ended.Wait()
	if made != singles || before != 1 {
		t.Errorf("%d transactions of single callers were made, %d of them first; want %d and 1", made, before, singles)
	}
}

// awaitWaiting waits until n goroutines stand still in a function.
func awaitWaiting(t *testing.T, function string, n int) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	await.True(t, fmt.Sprint(n, " wait in ", function), func() bool {
		waiting := 0
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(stack, " [select]:\n") && strings.Contains(stack, function) {
				waiting++
			}
		}
		return waiting == n
	})
}
