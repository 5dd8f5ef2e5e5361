package db

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestCopiedTables: each table is copied, or is in the list of tables that are not.
func TestCopiedTables(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	var tables []string
	if err := store.writer.NewRaw(sqliteEngine.tables).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	known := []string{"migrations", "meta", "nodes", "attachments", "leases", "writers", "connection_holders", "erasure_nodes"}
	for _, table := range copiedTables {
		known = append(known, table.name)
	}
	slices.Sort(tables)
	slices.Sort(known)
	if !slices.Equal(tables, known) {
		t.Errorf("the tables are %v; copy.go knows %v", tables, known)
	}
}
