package db

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"chattok/session"
)

// place knows the files of a served SQLite database by what they are, not by their names. A file that is deleted under a
// process that has it open goes on taking writes, and all of them are lost at the restart; one that is emptied takes them
// behind a hole. Neither is an error to SQLite, so it is looked for: after each commit, before it is answered, and by the
// keeper.
type place struct {
	path string
	wal  *os.File // for its header; nothing is locked by it
	// shm is the index of the write-ahead log. It stays open until SQLite has let go of it: to close a file drops all locks
	// that the process has on it.
	shm *os.File

	mu    sync.Mutex
	known map[string]os.FileInfo // by what follows path in its name
	size  int64                  // of the file, when it was last looked at
	lost  error                  // of a file that was emptied, which nothing makes good
}

// placeNames are what follows the path in the names of the files that belong to a database.
var placeNames = []string{"", "-wal", "-shm", ".lock"}

// openPlace remembers the files, which must all be there: the first write has made them.
func openPlace(path string) (p *place, err error) {
	p = &place{path: path, known: make(map[string]os.FileInfo)}
	for _, name := range placeNames {
		if p.known[name], err = os.Stat(path + name); err != nil {
			return nil, fmt.Errorf("look for the database's files: %w", err)
		}
	}
	p.size = p.known[""].Size()
	if p.wal, err = os.Open(path + "-wal"); err != nil {
		return nil, fmt.Errorf("open the write-ahead log: %w", err)
	}
	if p.shm, err = os.Open(path + "-shm"); err != nil {
		return nil, errors.Join(fmt.Errorf("open the write-ahead log's index: %w", err), p.wal.Close())
	}
	return p, nil
}

func (p *place) close() error { return errors.Join(p.wal.Close(), p.shm.Close()) }

// check says whether what was opened is still where it was, with its content. names are those of placeNames to look at.
func (p *place) check(names []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost != nil {
		return p.lost
	}
	for _, name := range names {
		info, err := os.Stat(p.path + name)
		if err != nil || !os.SameFile(info, p.known[name]) {
			return p.gone(name, "was deleted or replaced")
		}
	}
	p.lost = p.emptied()
	return p.lost
}

func (p *place) gone(name, what string) error {
	return &session.Error{Code: session.CodeUnavailable, Message: "the server's database " + what + "; nothing more can be stored",
		Err: fmt.Errorf("%s %s while it was served", p.path+name, what)}
}

// walIndex is what the head of the write-ahead log's index says. See https://sqlite.org/walformat.html, section 2.2.
type walIndex struct {
	raw      [walIndexBytes]byte
	pageSize int64
	frames   int64 // in the log
	pages    int64 // of the database, as of the last commit
}

// Sizes of SQLite's formats.
const (
	walIndexBytes  = 48
	walHeaderBytes = 32
	walFrameBytes  = 24 // before each page
	walMagic       = 0x377f0682
)

func (p *place) readIndex() (x walIndex, err error) {
	if _, err := p.shm.ReadAt(x.raw[:], 0); err != nil {
		return x, err
	}
	x.pageSize = int64(binary.NativeEndian.Uint16(x.raw[14:]))
	if x.pageSize == 1 {
		x.pageSize = 1 << 16
	}
	x.frames = int64(binary.NativeEndian.Uint32(x.raw[16:]))
	x.pages = int64(binary.NativeEndian.Uint32(x.raw[20:]))
	return x, nil
}

// emptied says whether the file or its log has lost content. What SQLite does at the same time is told from it by looking
// again: it writes to the log before its index says so, and cuts it after.
func (p *place) emptied() error {
	before, err := p.readIndex()
	if err != nil {
		return p.gone("-shm", "was emptied")
	}
	file, fileErr := os.Stat(p.path)
	log, logErr := p.wal.Stat()
	if fileErr != nil || logErr != nil {
		return nil // the next look tells
	}
	var header [4]byte
	_, headerErr := p.wal.ReadAt(header[:], 0)
	if after, err := p.readIndex(); err != nil || after.raw != before.raw {
		return nil // it was being written: what follows that write looks again
	}
	if size := file.Size(); size < p.size && size < before.pages*before.pageSize {
		return p.gone("", "was emptied")
	}
	p.size = file.Size()
	if before.frames == 0 {
		return nil
	}
	if headerErr != nil && !errors.Is(headerErr, io.EOF) {
		return nil
	}
	magic := binary.BigEndian.Uint32(header[:]) &^ 1 // whose last bit says how its checksums are written
	if magic != walMagic || log.Size() < walHeaderBytes+before.frames*(walFrameBytes+before.pageSize) {
		return p.gone("-wal", "was emptied")
	}
	return nil
}

// checkPlace says whether the files of a served SQLite database are still there; all of them, or those alone that a commit
// goes to.
func (s *Store) checkPlace(all bool) error {
	if s.place == nil {
		return nil
	}
	names := placeNames
	if !all {
		names = placeNames[:2]
	}
	err := s.place.check(names)
	if was := s.misplaced.Swap(err != nil); err != nil && !was {
		s.logger.Error("the database's files are not what was opened: nothing is written any more. What was stored is in this process's open files as long as it runs; docs/operations.md says how to get it out",
			"error", errors.Unwrap(err))
	} else if err == nil && was {
		s.logger.Warn("the database's files are back where they were", "database", s.path)
	}
	return err
}
