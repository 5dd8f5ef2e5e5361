package db

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// An older copy of the database that is put back has what was erased since. So each erasure is kept a second time, in a file beside the
// database, which a copy does not bring along: when it was, and a keyed digest of whom it is about. An erasure of the file that the
// database does not know is done again: see erasure_redo.go. A file that was lost is written again from the database.

// erasureRecord is a line of the file.
type erasureRecord struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"` // user, connection
	CreatedAt int64  `json:"at"`   // milliseconds since the Unix epoch
	Key       string `json:"key"`
	Digest    string `json:"digest"` // HMAC-SHA256
}

func (r *erasureRow) record() erasureRecord {
	return erasureRecord{ID: r.ID, Kind: r.Kind, CreatedAt: r.CreatedAt, Key: r.DigestKey, Digest: r.Digest}
}

// subject is the text whose digest is kept.
func (r *erasureRow) subject() string {
	if r.UserID != nil {
		return subjectUser(*r.UserID)
	}
	return subjectConnection(orZero(r.ConnectionID))
}

func subjectUser(id string) string       { return "user " + id }
func subjectConnection(id string) string { return "connection " + id }

// digestOf returns the digest of a subject by a key.
func digestOf(key, subject string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(subject))
	return hex.EncodeToString(h.Sum(nil))
}

// erasureRecords are the erasures that the file has. Its methods are safe for concurrent use.
type erasureRecords struct {
	path string // empty where none is kept

	mu     sync.Mutex
	known  map[string]bool // by id
	shared string          // the key of new digests
}

// erasuresName is the end of the name of the file beside a SQLite database.
const erasuresName = ".erasures"

// readErasureRecords reads the file; records are its lines. A last line that was cut off by a crash is dropped.
func readErasureRecords(path string) (kept *erasureRecords, records []erasureRecord, err error) {
	kept = &erasureRecords{path: path, known: make(map[string]bool)}
	if path == "" {
		return kept, nil, nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the erasures: %w", err)
	}
	whole := bytes.LastIndexByte(content, '\n') + 1
	if whole < len(content) {
		if err := os.Truncate(path, int64(whole)); err != nil {
			return nil, nil, fmt.Errorf("read the erasures: %w", err)
		}
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(content[:whole], []byte("\n")), []byte("\n")) {
		var r erasureRecord
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &r); err != nil || r.ID == "" || r.Key == "" || r.Digest == "" {
			return nil, nil, fmt.Errorf("line %d of %s is no erasure; put the file back as it was", i+1, path)
		}
		if !kept.known[r.ID] {
			kept.known[r.ID], kept.shared = true, r.Key
			records = append(records, r)
		}
	}
	return kept, records, nil
}

// key returns the key of new digests. Digests with one key are found in one pass over the users.
func (e *erasureRecords) key() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shared == "" {
		var b [32]byte
		_, _ = rand.Read(b[:]) // never fails
		e.shared = base64.RawURLEncoding.EncodeToString(b[:])
	}
	return e.shared
}

// count returns how many erasures the file has.
func (e *erasureRecords) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.known)
}

// keep writes an erasure to the file, where the file does not have it, and syncs it to disk.
func (e *erasureRecords) keep(r erasureRecord) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.path == "" || e.known[r.ID] {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(e.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the file of the erasures: %w", err)
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Write(append(line, '\n'))
	}
	if err = errors.Join(err, file.Sync()); err != nil {
		_ = file.Truncate(size) // a part of a line would spoil the next one
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the file of the erasures: %w", err)
	}
	if err := syncFolder(filepath.Dir(e.path)); err != nil {
		return fmt.Errorf("write the file of the erasures: %w", err)
	}
	e.known[r.ID] = true
	e.shared = r.Key
	return nil
}
