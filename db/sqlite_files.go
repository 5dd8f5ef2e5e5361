package db

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"chattok/session"
)

// databaseFiles knows the files of a served SQLite database by what they are, not by their names. A process goes on
// writing to an open file that was deleted, and everything it writes is lost at its restart; it goes on writing to a
// file that was emptied, behind a hole. Neither is an error to SQLite. So commits look for it before they are answered,
// and the maintainer looks every second.
type databaseFiles struct {
	path string
	// The files are open to read their headers. They stay open until SQLite has closed its own descriptors: to close a
	// file drops all locks that the process has on it.
	file, wal, shm *os.File

	mu     sync.Mutex
	opened map[string]os.FileInfo // by the end of their names, after path
	lost   error                  // of a file that was emptied, which is for good
}

// fileNames are the ends of the names of a database's files, after path.
var fileNames = []string{"", "-wal", "-shm", ".lock"}

// openFiles remembers the files. All of them exist, since the first write creates them.
func openFiles(path string) (d *databaseFiles, err error) {
	d = &databaseFiles{path: path, opened: make(map[string]os.FileInfo)}
	for _, name := range fileNames {
		if d.opened[name], err = os.Stat(path + name); err != nil {
			return nil, fmt.Errorf("look for the database's files: %w", err)
		}
	}
	for name, file := range map[string]**os.File{"": &d.file, "-wal": &d.wal, "-shm": &d.shm} {
		if *file, err = os.Open(path + name); err != nil {
			return nil, errors.Join(fmt.Errorf("open the database's files: %w", err), d.close())
		}
	}
	return d, nil
}

func (d *databaseFiles) close() error {
	var errs []error
	for _, file := range []*os.File{d.file, d.wal, d.shm} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}

// check returns an error where a file was deleted, replaced or emptied. names are those of fileNames to look at.
func (d *databaseFiles) check(names []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost != nil {
		return d.lost
	}
	for _, name := range names {
		info, err := os.Stat(d.path + name)
		if err != nil || !os.SameFile(info, d.opened[name]) {
			return d.gone(name, "was deleted or replaced")
		}
	}
	d.lost = d.emptied()
	return d.lost
}

func (d *databaseFiles) gone(name, what string) error {
	return &session.Error{Code: session.CodeUnavailable, Message: "the server's database " + what + "; nothing more can be stored",
		Err: fmt.Errorf("%s %s while it was served", d.path+name, what)}
}

// walIndex is the header of the write-ahead log's index. See https://sqlite.org/walformat.html, section 2.2.
type walIndex struct {
	raw      [walIndexBytes]byte
	pageSize int64
	frames   int64 // in the log that are committed
}

// SQLite's formats. See https://sqlite.org/fileformat2.html, section 1.3.
const (
	fileMagic      = "SQLite format 3\x00"
	walIndexBytes  = 48 // of which there are two copies
	walHeaderBytes = 32
	walFrameBytes  = 24 // before each page
	walMagic       = 0x377f0682
)

// readIndex reads the index. ok is false where its two copies differ, since it is being written.
func (d *databaseFiles) readIndex() (x walIndex, ok bool, err error) {
	var second [walIndexBytes]byte
	if _, err := d.shm.ReadAt(x.raw[:], 0); err != nil {
		return x, false, err
	}
	if _, err := d.shm.ReadAt(second[:], walIndexBytes); err != nil {
		return x, false, err
	}
	x.pageSize = int64(binary.NativeEndian.Uint16(x.raw[14:]))
	if x.pageSize == 1 {
		x.pageSize = 1 << 16
	}
	x.frames = int64(binary.NativeEndian.Uint32(x.raw[16:]))
	return x, x.raw == second, nil
}

// emptied returns an error where the file or its log has lost its header, or where the log is shorter than its index
// says. SQLite may write at the same moment, so the index is read twice: SQLite writes to the log before the index says
// so, and truncates the log after.
func (d *databaseFiles) emptied() error {
	var head [len(fileMagic)]byte
	if _, err := d.file.ReadAt(head[:], 0); err != nil || string(head[:]) != fileMagic {
		return d.gone("", "was emptied")
	}
	before, whole, err := d.readIndex()
	if err != nil {
		return d.gone("-shm", "was emptied")
	}
	log, logErr := d.wal.Stat()
	var magic [4]byte
	_, magicErr := d.wal.ReadAt(magic[:], 0)
	after, _, err := d.readIndex()
	if err != nil || !whole || after.raw != before.raw || logErr != nil || magicErr != nil && !errors.Is(magicErr, io.EOF) {
		return nil // the files were being written: the check that follows that write looks again
	}
	if before.frames == 0 {
		return nil
	}
	// The last bit of the magic number is the byte order of the checksums.
	if binary.BigEndian.Uint32(magic[:])&^1 != walMagic || log.Size() < walHeaderBytes+before.frames*(walFrameBytes+before.pageSize) {
		return d.gone("-wal", "was emptied")
	}
	return nil
}

// commitCheckInterval is the least time between two checks by commits. A check costs nine system calls, which was a fifth
// of a lone add. An entry that is answered in this time after its file was deleted is no worse off than the entries that
// were answered just before.
const commitCheckInterval = 10 * time.Millisecond

// checkCommitted checks the files that a commit went to, unless another commit did so a moment ago: what was committed to
// a file that is gone is lost.
func (f *sqliteFile) checkCommitted() error {
	if f.files == nil {
		return nil
	}
	now, last := int64(time.Since(f.opened)), f.checkedAt.Load()
	if last != 0 && time.Duration(now-last) < f.checkInterval {
		return nil
	}
	f.checkedAt.Store(now)
	return f.checkFiles(fileNames[:2])
}

// checkFiles returns an error where the files of a served database are not those that were opened. names are those of
// fileNames to look at.
func (f *sqliteFile) checkFiles(names []string) error {
	if f.files == nil {
		return nil
	}
	err := f.files.check(names)
	if was := f.misplaced.Swap(err != nil); err != nil && !was {
		f.logger.Error("the database's files are not what was opened: nothing is written any more. What was stored is in this process's open files as long as it runs; docs/operations.md says how to get it out",
			"error", errors.Unwrap(err))
	} else if err == nil && was {
		f.logger.Warn("the database's files are back where they were", "database", f.path)
	}
	return err
}
