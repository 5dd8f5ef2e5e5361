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
	// The files are for their heads, and stay open until SQLite has let go of them: to close a file drops all locks that
	// the process has on it.
	file, wal, shm *os.File

	mu    sync.Mutex
	known map[string]os.FileInfo // by what follows path in its name
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
	for name, file := range map[string]**os.File{"": &p.file, "-wal": &p.wal, "-shm": &p.shm} {
		if *file, err = os.Open(path + name); err != nil {
			return nil, errors.Join(fmt.Errorf("open the database's files: %w", err), p.close())
		}
	}
	return p, nil
}

func (p *place) close() error {
	var errs []error
	for _, file := range []*os.File{p.file, p.wal, p.shm} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}

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
}

// SQLite's formats. See https://sqlite.org/fileformat2.html, section 1.3.
const (
	fileMagic      = "SQLite format 3\x00"
	walIndexBytes  = 48 // of which there are two copies
	walHeaderBytes = 32
	walFrameBytes  = 24 // before each page
	walMagic       = 0x377f0682
)

// readIndex reads the index; ok is false while it is being written, when its copies differ.
func (p *place) readIndex() (x walIndex, ok bool, err error) {
	var second [walIndexBytes]byte
	if _, err := p.shm.ReadAt(x.raw[:], 0); err != nil {
		return x, false, err
	}
	if _, err := p.shm.ReadAt(second[:], walIndexBytes); err != nil {
		return x, false, err
	}
	x.pageSize = int64(binary.NativeEndian.Uint16(x.raw[14:]))
	if x.pageSize == 1 {
		x.pageSize = 1 << 16
	}
	x.frames = int64(binary.NativeEndian.Uint32(x.raw[16:]))
	return x, x.raw == second, nil
}

// emptied says whether the file or its log has lost its head or, of the log, what its index says is there. What SQLite does
// at the same time is told from it by looking again: it writes to the log before its index says so, and cuts it after.
func (p *place) emptied() error {
	var head [len(fileMagic)]byte
	if _, err := p.file.ReadAt(head[:], 0); err != nil || string(head[:]) != fileMagic {
		return p.gone("", "was emptied")
	}
	before, whole, err := p.readIndex()
	if err != nil {
		return p.gone("-shm", "was emptied")
	}
	log, logErr := p.wal.Stat()
	var magic [4]byte
	_, magicErr := p.wal.ReadAt(magic[:], 0)
	after, _, err := p.readIndex()
	if err != nil || !whole || after.raw != before.raw || logErr != nil || magicErr != nil && !errors.Is(magicErr, io.EOF) {
		return nil // it was being written: what follows that write looks again
	}
	if before.frames == 0 {
		return nil
	}
	// The last bit of the magic number says how the checksums are written.
	if binary.BigEndian.Uint32(magic[:])&^1 != walMagic || log.Size() < walHeaderBytes+before.frames*(walFrameBytes+before.pageSize) {
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
