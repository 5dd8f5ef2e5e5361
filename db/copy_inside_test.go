package db

import (
	"path/filepath"
	"slices"
	"testing"
)

// Every table is carried over, or is known not to be.
func TestCopiedTables(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	var tables []string
	if err := store.writer.NewRaw(sqliteEngine.tables).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	known := []string{"migrations", "meta", "nodes", "attachments", "writers", "connection_holders"}
	for _, table := range copiedTables {
		known = append(known, table.name)
	}
	slices.Sort(tables)
	slices.Sort(known)
	if !slices.Equal(tables, known) {
		t.Errorf("the tables are %v; copy.go knows %v", tables, known)
	}
}
