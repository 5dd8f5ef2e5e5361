//go:build unix

package cluster

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFolders: a folder is removed with its cluster. The folder of a cluster that was killed is removed by the next
// start, unless it is new.
func TestFolders(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, release, err := temporaryFolder()
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	left := filepath.Join(os.TempDir(), folderPattern+"left")
	for _, name := range []string{left, left + "new"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+lockSuffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{left, dir} { // the one in use is old, but locked
		if err := os.Chtimes(name+lockSuffix, old, old); err != nil {
			t.Fatal(err)
		}
	}
	_, second, err := temporaryFolder()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the folder of a killed cluster is there: %v", err)
	}
	for _, name := range []string{dir, left + "new"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	for _, end := range []func() error{release, second} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) != 2 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
