package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// copiedTable is a table that is copied.
type copiedTable struct {
	name string
	key  []string // its primary key, which gives the order of the rows
	// unchecked columns are copied and not compared, since they depend on the nodes that serve the database.
	unchecked []string
}

// copiedTables are the tables that are copied, each after the tables that its rows refer to. The others are not copied:
// nodes, attachments, writers, leases, erasure_nodes and connection_holders belong to the nodes that serve a database and their users, and
// migrations to its schema. Of meta the API secret and the user key are copied.
var copiedTables = []copiedTable{
	{name: "sessions", key: []string{"id"}},
	{name: "connections", key: []string{"id"}, unchecked: []string{"expires_at"}},
	{name: "service_connections", key: []string{"session_id", "actor"}},
	{name: "streams", key: []string{"id"}},
	{name: "stream_changes", key: []string{"session_id", "revision"}},
	{name: "entries", key: []string{"session_id", "seq"}},
	{name: "sender_entries", key: []string{"session_id", "connection_id", "seq"}},
	{name: "read_marks", key: []string{"session_id", "reader"}},
	{name: "bans", key: []string{"id"}},
	{name: "reactions", key: []string{"session_id", "seq", "reactor", "name"}},
	{name: "feed", key: []string{"first_place"}},
	{name: "feed_sessions", key: []string{"session_id"}},
	{name: "feed_state", key: []string{"name"}},
	{name: "webhooks", key: []string{"id"}},
	{name: "change_keys", key: []string{"session_id", "change_key"}},
	{name: "deleted_sessions", key: []string{"id"}},
	{name: "erasures", key: []string{"id"}},
}

// columnsOf returns a table's columns, beginning with those of the key.
func columnsOf(ctx context.Context, db *bun.DB, table *copiedTable) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table.name+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	columns := slices.Clone(table.key)
	for _, column := range all {
		if !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	return columns, rows.Err()
}

// tableReader reads a table in the order of its key.
type tableReader struct {
	store   *Store
	table   *copiedTable
	columns []string
	after   []any // the key of the last row that next returned
}

// next returns up to copyChunk rows; none at the end.
func (r *tableReader) next(ctx context.Context) (found [][]any, err error) {
	key := strings.Join(r.table.key, ", ")
	query := "SELECT " + strings.Join(r.columns, ", ") + " FROM " + r.table.name
	if r.after != nil {
		query += " WHERE (" + key + ") > (" + strings.TrimSuffix(strings.Repeat("?, ", len(r.after)), ", ") + ")"
	}
	query += fmt.Sprintf(" ORDER BY %s LIMIT %d", key, copyChunk)
	rows, err := r.store.readers.DB.QueryContext(ctx, r.store.engine.rebind(query), r.after...)
	if err != nil {
		return nil, err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	for rows.Next() {
		row := make([]any, len(r.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		for i, value := range row {
			// SQLite has no boolean values.
			if number, ok := value.(int64); ok && strings.HasPrefix(types[i].DatabaseTypeName(), "BOOL") {
				row[i] = number != 0
			}
		}
		found = append(found, row)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	if len(found) > 0 {
		r.after = found[len(found)-1][:len(r.table.key)]
	}
	return found, nil
}

// copyTable copies a table's rows from where the copy stopped, in chunks of one transaction each.
func (c *copying) copyTable(ctx context.Context, table *copiedTable) error {
	columns, err := columnsOf(ctx, c.from.readers, table)
	if err != nil {
		return err
	}
	reader := &tableReader{store: c.from, table: table, columns: columns}
	if c.state.Table == table.name {
		if reader.after, err = keyFromJSON(c.state.After); err != nil {
			return err
		}
	}
	for {
		rows, err := reader.next(ctx)
		if err != nil {
			return err
		}
		c.progress(CopyProgress{Table: table.name, Rows: c.state.Rows, Total: c.total, Began: c.began})
		if len(rows) == 0 {
			return nil
		}
		next := c.state
		next.Table, next.After, next.Rows = table.name, reader.after, c.state.Rows+int64(len(rows))
		err = c.to.unbounded(ctx, func(ctx context.Context, tx bun.Tx) error {
			if err := insertRows(ctx, tx, table, columns, rows); err != nil {
				return err
			}
			before := c.state
			c.state = next
			if err := c.note(ctx, tx); err != nil {
				c.state = before
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// keyFromJSON turns the numbers of a key into integers again.
func keyFromJSON(after []any) ([]any, error) {
	key := slices.Clone(after)
	for i, value := range key {
		if number, ok := value.(float64); ok { // a seq or revision, far below 2^53
			key[i] = int64(number)
		}
	}
	if len(key) == 0 {
		return nil, nil
	}
	return key, nil
}

// insertRows inserts rows as they were read.
func insertRows(ctx context.Context, tx bun.Tx, table *copiedTable, columns []string, rows [][]any) error {
	e := engineOf(tx)
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")"
	args := make([]any, 0, maxRows*len(columns))
	for chunk := range slices.Chunk(rows, maxRows) {
		query := "INSERT INTO " + table.name + " (" + strings.Join(columns, ", ") + ") VALUES " +
			strings.TrimSuffix(strings.Repeat(one+", ", len(chunk)), ", ")
		args = args[:0]
		for _, row := range chunk {
			args = append(args, row...)
		}
		// All chunks but the last have the same text, for which the driver prepares one statement.
		if _, err := tx.Tx.ExecContext(ctx, e.rebind(query), slices.Concat(e.keep, args)...); err != nil {
			return err
		}
	}
	return nil
}

// check compares every row of both databases.
func (c *copying) check(ctx context.Context) error {
	done := int64(0)
	for i := range copiedTables {
		table := &copiedTables[i]
		columns, err := columnsOf(ctx, c.from.readers, table)
		if err != nil {
			return err
		}
		columns = slices.DeleteFunc(columns, func(column string) bool { return slices.Contains(table.unchecked, column) })
		checked := CopiedTable{Name: table.name}
		from := &tableReader{store: c.from, table: table, columns: columns}
		to := &tableReader{store: c.to, table: table, columns: columns}
		sum := sha256.New()
		for {
			c.progress(CopyProgress{Checking: true, Table: table.name, Rows: done, Total: c.total})
			want, err := from.next(ctx)
			if err != nil {
				return err
			}
			got, err := to.next(ctx)
			if err != nil {
				return err
			}
			if err := compareRows(table, want, got); err != nil {
				return err
			}
			if len(want) == 0 {
				break
			}
			hashRows(sum, want)
			checked.Rows += int64(len(want))
			done += int64(len(want))
		}
		checked.Hash = hex.EncodeToString(sum.Sum(nil))
		c.report.Tables = append(c.report.Tables, checked)
	}
	return nil
}

// compareRows returns an error that names the first row that differs.
func compareRows(table *copiedTable, want, got [][]any) error {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return fmt.Errorf("table %s: the row %v is missing in the copy", table.name, want[i][:len(table.key)])
		case i >= len(want):
			return fmt.Errorf("table %s: the copy has a row %v that the source has not; was the source changed meanwhile?", table.name, got[i][:len(table.key)])
		case text(want[i]) != text(got[i]):
			return fmt.Errorf("table %s: the row %v is another one in the copy, %v; was the source changed meanwhile?", table.name,
				want[i][:len(table.key)], got[i][:len(table.key)])
		}
	}
	return nil
}

func hashRows(sum hash.Hash, rows [][]any) {
	for _, row := range rows {
		sum.Write([]byte(text(row))) // never fails
	}
}

// text writes a row as text that is equal for equal rows of both engines, and for no other rows.
func text(row []any) string {
	var b strings.Builder
	for _, value := range row {
		switch value := value.(type) {
		case nil:
			b.WriteString("-")
		case bool:
			if value {
				b.WriteString("i1")
			} else {
				b.WriteString("i0")
			}
		case int64:
			fmt.Fprintf(&b, "i%d", value)
		case string:
			fmt.Fprintf(&b, "s%d:%s", len(value), value)
		case []byte:
			fmt.Fprintf(&b, "s%d:%s", len(value), value)
		default:
			fmt.Fprintf(&b, "?%T:%v", value, value)
		}
		b.WriteByte(';')
	}
	return b.String()
}
