package db

import (
	"path/filepath"
	"slices"
	"testing"
)

// notExported are tables that belong to the nodes that serve a database, to the schema, or to settings, and those that are made of
// others: docs/export.md says that webhooks are not exported. Erasures are kept in a file of their own too, and an import does those of the
// file again.
var notExported = []string{"migrations", "meta", "nodes", "attachments", "leases", "writers", "connection_holders", "webhooks", "sender_entries",
	"erasures", "erasure_nodes"}

// TestExportedColumns: each table and each column is in an export, is derived by an import, or is in the list of those that are not.
func TestExportedColumns(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	var tables []string
	if err := store.writer.NewRaw(sqliteEngine.tables).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, k := range append(slices.Clone(exportKinds), exportSession, exportSessionEnd) {
		known[k.table] = slices.Concat(known[k.table], k.inserted(), k.left)
	}
	for _, table := range tables {
		if slices.Contains(notExported, table) {
			continue
		}
		columns, err := columnsOf(t.Context(), store.readers, &copiedTable{name: table})
		if err != nil {
			t.Fatal(err)
		}
		for _, column := range columns {
			if !slices.Contains(known[table], column) {
				t.Errorf("the column %s of table %s is in no line of an export: see export_table.go", column, table)
			}
		}
	}
}

// TestTextLengths: an import bounds each text, or knows all values that it may have.
func TestTextLengths(t *testing.T) {
	checked := []string{"feed.kind", "feedState.name", "session.id", "session.mediaMode", "connection.role", "connection.reason",
		"entry.id", "entry.change", "stream.videoType"}
	for _, k := range append(slices.Clone(exportKinds), exportSession, exportSessionEnd) {
		for _, f := range k.fields {
			_, bounded := textLengths[k.name][f.name]
			if text := f.is == exportText; bounded != text && !slices.Contains(checked, k.name+"."+f.name) {
				t.Errorf("%s.%s is bounded: %v", k.name, f.name, bounded)
			}
			if f.name == "purgeAt" && keptFor[k.name] == 0 {
				t.Errorf("rows of type %s are kept for an unknown time", k.name)
			}
		}
	}
}
