package db

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"
)

// A row that grows, shrinks or goes may move rows beside it to other pages of the table, and SQLite leaves copies of those in the
// unallocated space of the pages that had them, whatever secure_delete says: it overwrites what is deleted, and nothing was deleted.
// A copy would outlive the deletion of its row, on a page that nobody knows then. So that space is cleared after each update, by the
// virtual table sqlite_dbpage, in the same transaction. New rows go to the end of the table and move none.

// movedLeaves is how far from the page of a row that was updated other rows may have moved: one page and its two neighbours become
// five at most.
const movedLeaves = 4

// clearMoved clears the unallocated space of the pages around an entry's row. See "B-tree Pages" in SQLite's file format.
func (f *sqliteFile) clearMoved(ctx context.Context, tx bun.Tx, at entrySeq) error {
	p := tablePages{ctx: ctx, tx: tx, statements: &f.writing}
	var root, row int64
	if err := p.scan(selectEntryRow, []any{&root, &row}, at.sessionID, at.seq); err != nil {
		return err
	}
	return p.clearAround(root, row)
}

// prepareRemoval prepares the statements of clearRemoved.
func (f *sqliteFile) prepareRemoval(ctx context.Context) error {
	return errors.Join(f.writing.ready(ctx, selectRoot, 1), f.writing.ready(ctx, selectPage, 1), f.writing.ready(ctx, updatePage, 1),
		f.writing.ready(ctx, selectPages, 2*movedLeaves))
}

// clearRemoved clears the unallocated space of the pages where rows were removed, and around them. Pages that were merged are nearer
// to each other than they were, and those that became empty are overwritten by secure_delete.
func (f *sqliteFile) clearRemoved(ctx context.Context, tx bun.Tx, rows []int64) error {
	p := tablePages{ctx: ctx, tx: tx, statements: &f.writing}
	var root, cleared int64
	if err := p.scan(selectRoot, []any{&root}); err != nil {
		return err
	}
	slices.Sort(rows)
	for _, row := range rows {
		p.path = p.path[:0]
		if err := p.down(root, func(t treePage) int { return t.childOf(row) }); err != nil {
			return err
		}
		leaf := p.path[len(p.path)-1].number
		if leaf == cleared {
			continue
		}
		cleared, p.path = leaf, nil
		if err := p.clearAround(root, row); err != nil {
			return err
		}
	}
	return nil
}

// clearAround clears the unallocated space of the leaf where a row is, or would be, and of those around it.
func (p *tablePages) clearAround(root, row int64) error {
	if err := p.down(root, func(t treePage) int { return t.childOf(row) }); err != nil {
		return err
	}
	leaf := p.path[len(p.path)-1]
	if err := p.clear(leaf.number, leaf.data); err != nil || len(p.path) == 1 {
		return err
	}
	// Nearly always all of them are children of one page, and read at once.
	parent := p.path[len(p.path)-2]
	first, last := max(0, parent.child-movedLeaves), min(parent.cells(), parent.child+movedLeaves)
	if err := p.clearSiblings(parent, first, last); err != nil {
		return err
	}
	here := slices.Clone(p.path)
	if err := p.clearBeyond(-1, first, movedLeaves-(parent.child-first)); err != nil {
		return err
	}
	p.path = here
	return p.clearBeyond(+1, last, movedLeaves-(last-parent.child))
}

// clearSiblings clears some of a page's children, except the one of the path.
func (p *tablePages) clearSiblings(parent treePage, first, last int) error {
	var numbers []any
	for i := first; i <= last; i++ {
		if i != parent.child {
			numbers = append(numbers, parent.childAt(i))
		}
	}
	for len(numbers) < 2*movedLeaves {
		numbers = append(numbers, parent.childAt(parent.child)) // is clear by now
	}
	rows, err := p.statements.query(p.ctx, p.tx, selectPages, 2*movedLeaves, numbers)
	if err != nil {
		return err
	}
	unclear := make(map[int64][]byte)
	for rows.Next() {
		var number int64
		var data []byte
		if err := rows.Scan(&number, &data); err != nil {
			return errors.Join(err, rows.Close())
		}
		if from, to := unallocated(data); from < to {
			unclear[number] = data
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for number, data := range unclear {
		if err := p.clear(number, data); err != nil {
			return err
		}
	}
	return nil
}

// clearBeyond clears up to n leaves that follow, in one direction, a child of the leaf's parent.
func (p *tablePages) clearBeyond(direction, child, n int) error {
	p.path[len(p.path)-2].child = child
	for range n {
		if more, err := p.step(direction); err != nil || !more {
			return err
		}
		leaf := p.path[len(p.path)-1]
		if err := p.clear(leaf.number, leaf.data); err != nil {
			return err
		}
	}
	return nil
}

// tablePages walks over the leaf pages of a table in a transaction.
type tablePages struct {
	ctx        context.Context
	tx         bun.Tx
	statements *statements
	path       []treePage // from the root to a leaf
}

// treePage is a page of a table's tree, and which of its children the path takes.
type treePage struct {
	number int64
	data   []byte
	child  int
}

const (
	interiorPage, leafPage           = 0x05, 0x0d // the first byte of a page
	indexInteriorPage, indexLeafPage = 0x02, 0x0a
	interiorHeader, leafHeader       = 12, 8
)

func (t treePage) cells() int { return int(binary.BigEndian.Uint16(t.data[3:])) }

// childAt returns the number of a page's child, the last of which has no cell.
func (t treePage) childAt(i int) int64 {
	if i == t.cells() {
		return int64(binary.BigEndian.Uint32(t.data[8:]))
	}
	return int64(binary.BigEndian.Uint32(t.data[t.cellAt(i):]))
}

func (t treePage) cellAt(i int) int { return int(binary.BigEndian.Uint16(t.data[interiorHeader+2*i:])) }

// childOf returns which child has a row.
func (t treePage) childOf(row int64) int {
	for i := range t.cells() {
		if row <= varint(t.data[t.cellAt(i)+4:]) {
			return i
		}
	}
	return t.cells()
}

// varint reads SQLite's form of an integer.
func varint(b []byte) (n int64) {
	for i := range 8 {
		n = n<<7 | int64(b[i]&0x7f)
		if b[i] < 0x80 {
			return n
		}
	}
	return n<<8 | int64(b[8])
}

// down goes from a page down to a leaf, by the child that choose names.
func (p *tablePages) down(number int64, choose func(treePage) int) error {
	for {
		page := treePage{number: number}
		if err := p.scan(selectPage, []any{&page.data}, number); err != nil {
			return err
		}
		switch page.data[0] {
		case leafPage:
			p.path = append(p.path, page)
			return nil
		case interiorPage:
			page.child = choose(page)
			p.path = append(p.path, page)
			number = page.childAt(page.child)
		default:
			return fmt.Errorf("page %d of the entries has type %d", number, page.data[0])
		}
	}
}

// step goes to the next leaf, or to the one before; more is false where there is none.
func (p *tablePages) step(by int) (more bool, err error) {
	for level := len(p.path) - 2; level >= 0; level-- {
		page := &p.path[level]
		if next := page.child + by; next >= 0 && next <= page.cells() {
			page.child = next
			p.path = p.path[:level+1]
			return true, p.down(page.childAt(next), func(t treePage) int {
				if by > 0 {
					return 0
				}
				return t.cells()
			})
		}
	}
	return false, nil
}

// clear overwrites the unallocated space of a leaf, where there is something.
func (p *tablePages) clear(number int64, data []byte) error {
	from, to := unallocated(data)
	if from == to {
		return nil
	}
	clear(data[from:to])
	return p.statements.exec(p.ctx, p.tx, updatePage, 1, data, number)
}

// unallocated returns where a leaf's unallocated space is, and 0, 0 where it has nothing but zeros, or the page is no leaf.
func unallocated(data []byte) (from, to int) {
	if data[0] != leafPage {
		return 0, 0
	}
	return gap(data)
}

// gap returns where the unallocated space is of a page that has rows or keys, and 0, 0 where it has nothing but zeros, or the page is
// another one.
func gap(data []byte) (from, to int) {
	header := leafHeader
	switch data[0] {
	case leafPage, indexLeafPage:
	case indexInteriorPage:
		header = interiorHeader
	default:
		return 0, 0
	}
	from, to = header+2*int(binary.BigEndian.Uint16(data[3:])), int(binary.BigEndian.Uint16(data[5:]))
	if to == 0 {
		to = 1 << 16
	}
	if from >= to || to > len(data) || len(bytes.TrimLeft(data[from:to], "\x00")) == 0 {
		return 0, 0
	}
	return from, to
}

// tellablePages is the number of pages from which the first byte of a page no longer tells what it is: the pages of long texts, and free
// ones, begin with the number of another page, which has four bytes.
const tellablePages = indexInteriorPage << 24

// scan reads the one row of a statement.
func (p *tablePages) scan(kind statementKind, into []any, args ...any) error {
	rows, err := p.statements.query(p.ctx, p.tx, kind, 1, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return fmt.Errorf("a page of the entries is missing: %w", rows.Err())
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	return rows.Close()
}
