package archive

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxChanges bounds the bytes of what changes in a session while it is exported, which is kept in memory.
const maxChanges = 256 << 20

// Spool is a file of an export in the making. The file holds the lines in their final places after End.
type Spool struct {
	Entries int64 // that have come, those of sessions that have gone and repeated ones included

	file    *os.File
	out     *bufio.Writer
	size    int64 // of the file with what out holds
	first   int64 // the number of its first entry in the file; 0 for none
	session int64 // where the present session begins in the file
	changes *changes
	ended   bool
}

// NewSpool returns a spool in an empty file, which stays the caller's to close.
func NewSpool(file *os.File) *Spool {
	return &Spool{file: file, out: bufio.NewWriterSize(file, 1<<20)}
}

// Add takes the lines of the next page.
func (s *Spool) Add(lines string) error {
	for line := range strings.Lines(lines) {
		if s.ended {
			return errors.New("the export goes on after its end")
		}
		if err := s.add(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) add(line string) error {
	kind, err := kindOf(line)
	if err != nil {
		return err
	}
	switch kind {
	case "session":
		s.session, s.first, s.changes = s.size, 0, nil
	case "sessionGone":
		return s.drop()
	case "changes":
		s.changes = newChanges()
		return nil
	case "sessionEnd":
		var f fields
		if err := read(line, &f); err != nil {
			return err
		}
		if s.changes == nil && s.first > 0 && s.first <= f.Removed {
			s.changes = newChanges()
		}
		if s.changes != nil {
			s.changes.remove(f.Removed)
			if err := s.merge(); err != nil {
				return err
			}
		}
	case "entry":
		s.Entries++
		if s.first == 0 && s.changes == nil {
			var f fields
			if err := read(line, &f); err != nil {
				return err
			}
			s.first = f.Seq
		}
	case "end":
		s.ended = true
	}
	if s.changes != nil {
		return s.changes.add(kind, line)
	}
	n, err := s.out.WriteString(line)
	s.size += int64(n)
	return err
}

// drop removes the present session, which was deleted while it was exported.
func (s *Spool) drop() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	s.size, s.changes = s.session, nil
	if err := s.file.Truncate(s.size); err != nil {
		return err
	}
	_, err := s.file.Seek(s.size, io.SeekStart)
	return err
}

// End flushes the file, which has everything then. Errors: where the end of the export has not come.
func (s *Spool) End() error {
	if !s.ended {
		return errors.New("the export has no end")
	}
	return s.out.Flush()
}

// merge puts the present session's changes into their places. It writes the session anew beside the file, and copies it back.
func (s *Spool) merge() (err error) {
	if err := s.out.Flush(); err != nil {
		return err
	}
	beside, err := os.CreateTemp("", "chattok-export-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, beside.Close(), os.Remove(beside.Name())) }()
	to := bufio.NewWriterSize(beside, 1<<20)
	if err := s.changes.merge(io.NewSectionReader(s.file, s.session, s.size-s.session), to); err != nil {
		return err
	}
	if err := to.Flush(); err != nil {
		return err
	}
	if _, err := beside.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := s.drop(); err != nil { // which also forgets the changes
		return err
	}
	n, err := io.Copy(s.out, beside)
	s.size += n
	return err
}

// kindOf returns the type of a line, which is its first field.
func kindOf(line string) (string, error) {
	rest, ok := strings.CutPrefix(line, `{"type":"`)
	kind, _, found := strings.Cut(rest, `"`)
	if !ok || !found || !strings.HasSuffix(line, "}\n") {
		return "", fmt.Errorf("the server has sent a line that is none of an export: %.60q", line)
	}
	return kind, nil
}

// read reads fields of a line.
func read(line string, into any) error {
	if err := json.Unmarshal([]byte(line), into); err != nil {
		return fmt.Errorf("read the line %.60q: %w", line, err)
	}
	return nil
}
