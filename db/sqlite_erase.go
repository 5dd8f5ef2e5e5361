package db

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
)

// A text that is edited or deleted leaves the file as a whole. secure_delete overwrites it in the page that had it. The write-ahead
// log still has earlier versions of the page, until it is folded into the database and truncated, which is done once for all
// deletions of a few seconds.

// eraseAfter is how long after a deletion the write-ahead log is truncated. With maintainInterval, and a writer or a checkpoint in
// the way, that is well within the 10 s that are promised.
const eraseAfter = 4 * time.Second

// erasures knows whether texts were removed that may still be in the write-ahead log.
type erasures struct {
	after atomic.Int64 // eraseAfter in nanoseconds; less in tests
	since atomic.Int64 // the first of them, in nanoseconds since the Unix epoch; 0 for none

	mu    sync.Mutex
	swept map[string]bool // ids of erasures after which clearErased has looked at all pages
}

// erased notes that a text was removed.
func (f *sqliteFile) erased() { f.erasures.since.CompareAndSwap(0, time.Now().UnixNano()) }

// erase truncates the write-ahead log where texts were removed long enough ago. A long reader in the way, such as a backup, keeps
// the log from being truncated, and the next call tries again.
func (f *sqliteFile) erase(ctx context.Context) error {
	since := f.erasures.since.Load()
	if since == 0 || time.Since(time.Unix(0, since)) < time.Duration(f.erasures.after.Load()) {
		return nil
	}
	w, err := f.acquireWriter(ctx)
	if err != nil {
		return err
	}
	defer f.releaseWriter(w)
	f.erasures.since.Store(0) // with the turn to write, so nothing is removed meanwhile
	done, err := f.truncate(ctx)
	if !done {
		f.erasures.since.CompareAndSwap(0, since)
	}
	return err
}

// truncate truncates the write-ahead log, as far as readers allow. Where some are in the way, those that come next wait for a moment:
// reads that overlap without a gap, while others write, would keep the log for ever. The caller has the turn to write.
func (f *sqliteFile) truncate(ctx context.Context) (done bool, err error) {
	if done, err = truncateWAL(ctx, f.writer); done || err != nil {
		return done, err
	}
	f.gate.alone(func() { done, err = truncateWAL(ctx, f.writer) })
	return done, err
}

// sweptPages is how many pages are looked at in one step, so that nobody waits long.
const sweptPages = 256

// clearErased clears the unallocated space of all pages, where copies of rows and keys that have moved may be, and truncates the
// write-ahead log. sqlite_moved.go clears as much around the rows of entries at once; this is for the other tables and the indexes, which
// have users' ids, keys and names. Where a reader keeps the write-ahead log, the next call does no more than truncate it.
func (f *sqliteFile) clearErased(ctx context.Context, ids []string) error {
	if f.erasures.needSweep(ids) {
		if err := f.sweepPages(ctx); err != nil {
			return err
		}
		f.erasures.noteSwept(ids)
	}
	f.erased()
	w, err := f.acquireWriter(ctx)
	if err != nil {
		return err
	}
	defer f.releaseWriter(w)
	done, err := f.truncate(ctx)
	if err == nil && !done {
		err = errors.New("a reader keeps the write-ahead log")
	}
	return err
}

// needSweep says whether the pages were not looked at since one of these erasures had nothing left in the database.
func (e *erasures) needSweep(ids []string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(ids, func(id string) bool { return !e.swept[id] })
}

// noteSwept notes that all pages were looked at for these erasures, the only ones that are not done.
func (e *erasures) noteSwept(ids []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.swept = make(map[string]bool, len(ids))
	for _, id := range ids {
		e.swept[id] = true
	}
}

// sweepPages clears the unallocated space of all pages.
func (f *sqliteFile) sweepPages(ctx context.Context) error {
	var pages int64
	if err := f.readers.NewRaw("PRAGMA page_count").Scan(ctx, &pages); err != nil {
		return err
	}
	if pages >= tellablePages {
		f.logger.Warn("the database is too large to be cleared of what rows have left behind: VACUUM it while no server uses it", "database", f.path)
		pages = 0
	}
	for first := int64(2); first <= pages; first += sweptPages { // the first page has the schema alone
		if err := f.clearPages(ctx, first, min(pages, first+sweptPages-1)); err != nil {
			return err
		}
	}
	return nil
}

// clearPages clears the unallocated space of some pages. It reads them beside other work, and takes the turn to write for those alone that
// have something there.
func (f *sqliteFile) clearPages(ctx context.Context, first, last int64) error {
	var unclear []int64
	err := f.read(ctx, func(ctx context.Context) (err error) {
		unclear = nil
		numbers := make([]int64, 0, sweptPages)
		for n := first; n <= last; n++ {
			numbers = append(numbers, n)
		}
		return selectUnclear(ctx, f.readers, numbers, func(number int64, _ []byte) { unclear = append(unclear, number) })
	})
	if err != nil || len(unclear) == 0 {
		return err
	}
	return f.writeFew(ctx, "clear what rows have left behind", func(ctx context.Context, tx bun.Tx) error {
		pages := make(map[int64][]byte)
		err := selectUnclear(ctx, tx, unclear, func(number int64, data []byte) { pages[number] = data })
		if err != nil {
			return err
		}
		for number, data := range pages {
			from, to := gap(data)
			clear(data[from:to])
			if _, err := tx.Tx.ExecContext(ctx, "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", data, number); err != nil {
				return err
			}
		}
		return nil
	})
}

// selectUnclear calls found for those of the pages that have something in their unallocated space.
func selectUnclear(ctx context.Context, db bun.IDB, numbers []int64, found func(number int64, data []byte)) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT pgno, data FROM sqlite_dbpage('main') WHERE pgno IN (?)", bun.List(numbers))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var number int64
		var data []byte
		if err := rows.Scan(&number, &data); err != nil {
			return err
		}
		if from, to := gap(data); from < to {
			found(number, data)
		}
	}
	return rows.Err()
}

// readGate counts the reads that are under way, and holds up those that come. Its zero value is open.
type readGate struct {
	active atomic.Int64
	shut   atomic.Pointer[chan struct{}] // closed when reads go on; nil while they do
}

// gateTime is how long a readGate waits for reads that are under way, and holds up others, at most.
const gateTime = 200 * time.Millisecond

// enter counts a read, which ends with leave. A read within another one may wait, but never for the other one alone.
func (g *readGate) enter(ctx context.Context) {
	if shut := g.shut.Load(); shut != nil {
		timer := time.NewTimer(gateTime)
		defer timer.Stop()
		select {
		case <-*shut:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	g.active.Add(1)
}

func (g *readGate) leave() { g.active.Add(-1) }

// alone runs f when no read is under way, or gateTime later.
func (g *readGate) alone(f func()) {
	shut := make(chan struct{})
	g.shut.Store(&shut)
	defer func() {
		g.shut.Store(nil)
		close(shut)
	}()
	for begun := time.Now(); g.active.Load() > 0 && time.Since(begun) < gateTime; {
		time.Sleep(time.Millisecond)
	}
	f()
}
