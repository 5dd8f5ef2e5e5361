package db

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// TestGroupIsSynced counts the syncs of the write-ahead log: each group of entries is synced once, before it is answered,
// whatever its size. With a lower `synchronous` there would be none.
func TestGroupIsSynced(t *testing.T) {
	countSyncs()
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	connectOne(t, store)
	for _, size := range []int{1, 2, 64, 256} {
		before := syncsOf(path + "-wal")
		appendGroupOf(t, store, size)
		if n := syncsOf(path+"-wal") - before; n != 1 {
			t.Errorf("a group of %d was answered after %d syncs, want 1", size, n)
		}
	}
}

// syncs counts the calls of xSync, of SQLite's VFS, for write-ahead logs by their path.
var syncs struct {
	install sync.Once
	open    uintptr // the VFS's own xOpen
	sync    uintptr // and its files' own xSync
	counted uintptr // the files' methods, in SQLite's memory, with countedSync as xSync
	mu      sync.Mutex
	names   map[uintptr]string // of open files
	number  map[string]int
}

func syncsOf(name string) int {
	syncs.mu.Lock()
	defer syncs.mu.Unlock()
	return syncs.number[name]
}

// The types of the functions that are replaced, as SQLite's C code is translated to Go.
type (
	openFunc func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32
	syncFunc func(tls *libc.TLS, file uintptr, flags int32) int32
)

// countSyncs replaces the xOpen of the default VFS by countedOpen, for files that are opened from now on. See
// https://sqlite.org/c3ref/vfs.html and https://sqlite.org/c3ref/io_methods.html.
func countSyncs() {
	syncs.install.Do(func() {
		syncs.names, syncs.number = make(map[uintptr]string), make(map[string]int)
		tls := libc.NewTLS()
		defer tls.Close()
		vfs := at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
		open := openFunc(countedOpen)
		syncs.open, vfs.FxOpen = vfs.FxOpen, *(*uintptr)(unsafe.Pointer(&open))
	})
}

// countedOpen opens a file, and gives a write-ahead log methods with countedSync as xSync.
func countedOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32 {
	code := (*(*openFunc)(unsafe.Pointer(&syncs.open)))(tls, vfs, name, file, flags, outFlags)
	if code != sqlite3.SQLITE_OK || name == 0 || !strings.HasSuffix(libc.GoString(name), "-wal") {
		return code
	}
	syncs.mu.Lock()
	defer syncs.mu.Unlock()
	syncs.names[file] = libc.GoString(name)
	opened := at[sqlite3.Tsqlite3_file](file)
	if syncs.counted == 0 {
		syncs.counted = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
		methods := at[sqlite3.Tsqlite3_io_methods](syncs.counted)
		*methods = *at[sqlite3.Tsqlite3_io_methods](opened.FpMethods)
		counted := syncFunc(countedSync)
		syncs.sync, methods.FxSync = methods.FxSync, *(*uintptr)(unsafe.Pointer(&counted))
	}
	opened.FpMethods = syncs.counted
	return code
}

func countedSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	code := (*(*syncFunc)(unsafe.Pointer(&syncs.sync)))(tls, file, flags)
	syncs.mu.Lock()
	defer syncs.mu.Unlock()
	syncs.number[syncs.names[file]]++
	return code
}

// at returns the value at an address of SQLite's memory.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }
