package db

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"chattok/internal/await"
	"chattok/session"
)

// A group of entries waits for two transactions at most, however many of single callers wait before it: the one that has the turn, and
// the first of the others. One that gives up while it waits is in nobody's way.
func TestGroupsGoBeforeTheOthers(t *testing.T) { // not parallel: it looks at all goroutines
	store := openInside(t, filepath.Join(t.TempDir(), "chattok.db"))
	eraseConnect(t, store, "a1")
	turn, err := store.acquireWriter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const others = 32
	gone, leave := context.WithCancel(t.Context())
	var ended, givenUp sync.WaitGroup
	made, before := 0, 0 // others; the turn to write guards both
	other := func(ctx context.Context) error {
		return store.write(ctx, "test", func(ctx context.Context, tx bun.Tx) error {
			var entries int
			if err := tx.NewRaw("SELECT count(*) FROM entries").Scan(ctx, &entries); err != nil {
				return err
			}
			made++
			if entries == 0 {
				before++
			}
			return nil
		})
	}
	for range others {
		ended.Go(func() {
			if err := other(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	awaitWaiting(t, "(*Store).acquireWriter", 1)
	for range others {
		givenUp.Go(func() {
			if err := other(gone); err == nil {
				t.Error("a transaction was made whose caller had gone before its turn")
			}
		})
	}
	ended.Go(func() {
		added := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "b"}})
		if added[0].Err != nil {
			t.Error(added[0].Err)
		}
	})
	awaitWaiting(t, "(*Store).acquireWriter", 2)
	awaitWaiting(t, "(*Store).enterOthers", 2*others-1)
	leave()
	givenUp.Wait()
	store.releaseWriter(turn)
	ended.Wait()
	if made != others || before != 1 {
		t.Errorf("%d transactions were made, %d of them before the entry; want %d and 1", made, before, others)
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
