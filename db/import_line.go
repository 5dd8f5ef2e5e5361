package db

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"chattok/session"
)

// maxExportLine bounds a line. The longest that a server writes is an entry whose text is all escapes.
const maxExportLine = 1 << 20

// exportLines reads the lines of an export.
type exportLines struct {
	from   *bufio.Reader
	number int64 // of the last line
}

func newExportLines(from io.Reader) *exportLines {
	return &exportLines{from: bufio.NewReaderSize(from, maxExportLine)}
}

// exportLine is a line that is a JSON object with a type.
type exportLine struct {
	kind   string
	fields map[string]json.RawMessage // the others
}

// next returns the next line. Errors: io.EOF.
func (l *exportLines) next() (line exportLine, err error) {
	text, err := l.from.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(text) == 0:
		return line, io.EOF
	case errors.Is(err, io.EOF): // the last line has no line feed
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return line, err
	}
	l.number++
	if errors.Is(err, bufio.ErrBufferFull) {
		return line, fmt.Errorf("it is longer than %d bytes", maxExportLine)
	}
	text = bytes.TrimSpace(text)
	if !json.Valid(text) || len(text) == 0 || text[0] != '{' {
		return line, errors.New("it is not a JSON object")
	}
	if err := json.Unmarshal(text, &line.fields); err != nil {
		return line, err
	}
	if err := json.Unmarshal(line.fields["type"], &line.kind); err != nil {
		return line, errors.New("it has no type")
	}
	delete(line.fields, "type")
	return line, nil
}

func (l exportLine) misplaced() error {
	return fmt.Errorf("a line of type %s can't come here", l.kind)
}

// only refuses fields other than these.
func (l exportLine) only(names ...string) error {
	for name := range l.fields {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		if !known {
			return fmt.Errorf("%s.%.40s is no field that this version of chattok knows", l.kind, name)
		}
	}
	return nil
}

func (l exportLine) text(name string) (string, error) {
	value, err := exportText.read(l.fields[name])
	if err != nil {
		return "", fmt.Errorf("%s.%s %w", l.kind, name, err)
	}
	return value.(string), nil
}

func (l exportLine) number(name string) (int64, error) {
	value, err := exportNumber.read(l.fields[name])
	if err != nil {
		return 0, fmt.Errorf("%s.%s %w", l.kind, name, err)
	}
	return value.(int64), nil
}

// row returns the values of a kind's fields, in their order. Errors name the field.
func (l exportLine) row(k *exportKind) ([]any, error) {
	row := make([]any, len(k.fields))
	lengths := textLengths[k.name]
	found := 0
	for i, f := range k.fields {
		raw, given := l.fields[f.name]
		if given {
			found++
		}
		if !given || string(raw) == "null" {
			if !f.null {
				return nil, fmt.Errorf("%s.%s is missing", k.name, f.name)
			}
			continue
		}
		value, err := f.is.read(raw)
		if err != nil {
			return nil, fmt.Errorf("%s.%s %w", k.name, f.name, err)
		}
		if most, bounded := lengths[f.name]; bounded && len(value.(string)) > most {
			return nil, fmt.Errorf("%s.%s must be %d bytes at most", k.name, f.name, most)
		}
		row[i] = value
	}
	if found < len(l.fields) {
		names := make([]string, len(k.fields))
		for i, f := range k.fields {
			names[i] = f.name
		}
		return nil, l.only(names...)
	}
	return row, nil
}

// read reads a value of JSON.
func (t exportType) read(raw json.RawMessage) (any, error) {
	var text string
	switch t {
	case exportJSON:
		return string(raw), nil
	case exportFlag:
		if string(raw) == "true" || string(raw) == "false" {
			return raw[0] == 't', nil
		}
		return nil, errors.New("must be true or false")
	case exportNumber:
		number, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil || number < 0 {
			return nil, errors.New("must be a whole number that is not negative")
		}
		if number > maxExportNumber {
			return nil, fmt.Errorf("must be %d at most", int64(maxExportNumber))
		}
		return number, nil
	}
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return nil, errors.New("must be a text")
	}
	switch t {
	case exportLarge:
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errors.New("must be a number of 64 bits as text")
		}
		return number, nil
	case exportInstant:
		at, err := time.Parse(exportTime, text)
		if err != nil || at.UnixMilli() < 0 {
			return nil, errors.New("must be a time such as 2026-01-31T12:00:00.000Z")
		}
		return at.UnixMilli(), nil
	}
	if !storable(text) {
		return nil, errors.New("must have no U+0000")
	}
	return text, nil
}

// compareKeys compares the keys of two rows as the database does.
func compareKeys(a, b []any) int {
	for i := range a {
		order := 0
		switch of := a[i].(type) {
		case int64:
			order = cmp.Compare(of, b[i].(int64))
		case string:
			order = strings.Compare(of, b[i].(string))
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// isUserKey says whether a text is a key as makeSecrets makes it.
func isUserKey(text string) bool {
	key, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(key) == secretBytes
}

func restoreConnection(i *importing, row []any) ([]any, error) {
	reason := textOrNil(row[connectionReason])
	switch {
	case !session.Role(row[connectionRole].(string)).Valid():
		return nil, errors.New("connection.role must be SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR")
	case reason != nil && !session.DisconnectReason(*reason).Valid():
		return nil, fmt.Errorf("connection.reason %.40q is unknown", *reason)
	}
	i.noteRevision(row[connectionCreatedRevision])
	i.noteRevision(row[connectionDestroyedRevision])
	return []any{nil}, nil // finish sets the end of those that are live
}

func restoreActor(_ *importing, row []any) ([]any, error) {
	switch name, user := row[0], row[1]; {
	case (name == nil) == (user == nil):
		return nil, errors.New("actor must have either name or userId")
	case name != nil:
		row[0] = "n" + name.(string)
	default:
		row[0] = "u" + user.(string)
	}
	return nil, nil
}

func restoreEntry(i *importing, row []any) ([]any, error) {
	seq, place, version := row[entrySeqField].(int64), row[entryPlace].(int64), row[entryVersion].(int64)
	before := place - seq
	reactions := textOrNil(row[entryReactions])
	switch {
	case seq < 1 || i.at.first > 0 && seq != i.at.entries+1:
		return nil, fmt.Errorf("entry.seq is %d, but %d comes next", seq, i.at.entries+1)
	case before < i.at.before:
		return nil, fmt.Errorf("entry.place is %d, but that of the entry before is later", place)
	case row[entryID] != session.EntryID(i.at.epoch, seq):
		return nil, errors.New("entry.id is not that of the session's epoch and seq")
	case reactions != nil && !validReactions(*reactions):
		return nil, errors.New("entry.reactions must be [[name, count], …]")
	case version < 1:
		return nil, errors.New("entry.version must be 1 or more")
	case row[entryChangedPlace] != nil && row[entryChangedPlace].(int64) <= place:
		return nil, errors.New("entry.changedPlace must be after entry.place")
	case (row[entryChangedPlace] == nil) != (row[entryChange] == nil):
		return nil, errors.New("entry.change and entry.changedPlace need each other")
	case row[entryChange] != nil && !session.EntryChange(row[entryChange].(string)).Valid():
		return nil, errors.New("entry.change must be EDITED, DELETED or REACTED")
	}
	if key, ok := row[entryKeyField].(string); ok {
		row[entryKeyField] = storeKey(textOrNil(row[entryUser]), key)
	} else {
		row[entryKeyField] = row[entryStoredKey]
	}
	row[entryPlace] = before
	var run any // the first entry after a change begins a run: see SeqAt
	if before > i.at.before {
		run = place
	}
	if i.at.first == 0 {
		i.at.first, i.at.front = seq, place-1
	}
	i.at.entries, i.at.before, i.at.place = seq, before, max(i.at.place, place)
	if changed, ok := row[entryChangedPlace].(int64); ok {
		i.at.place = max(i.at.place, changed)
	}
	i.senders = append(i.senders, []any{i.at.id, row[entryConnection], seq})
	i.report.Entries++
	return []any{run}, nil
}

func restoreReaction(_ *importing, row []any) ([]any, error) {
	row[1] = joinReader(row[1], row[2])
	return nil, nil
}

func restoreReadMark(_ *importing, row []any) ([]any, error) {
	if (row[0] == nil) == (row[1] == nil) {
		return nil, errors.New("readMark must have either userId or connectionId")
	}
	row[0] = joinReader(row[0], row[1])
	return nil, nil
}

// joinReader is the opposite of splitReader.
func joinReader(user, connection any) string {
	if user, ok := user.(string); ok {
		return "u" + user
	}
	return "c" + connection.(string)
}
