package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// checkPath finds mistakes in a path before the driver does, and words them for the operator. It returns the path of
// the file itself: a link is followed, since the lock belongs to the file, which another server may have open by its
// own name. It looks at the file's name and kind alone: to open and close the file would drop the locks that this
// process holds on it.
func checkPath(path string, readOnly bool) (file string, err error) {
	if err := checkFile(path, readOnly); err != nil {
		return path, err
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return path, nil
	}
	file, err = filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, fmt.Errorf("database path %s is a link to a file that does not exist", path)
	}
	if err != nil {
		return path, fmt.Errorf("database path %s can't be read: %w", path, err)
	}
	return file, nil
}

// Names that are meant for a server, or that other programs use for a file. A scheme has two letters at least:
// C:\\chattok.db is a file.
var (
	schemeFirst   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`)
	passwordIn    = regexp.MustCompile(`(?i)(password|passwd|pwd)\s*=|^//[^/]*@`)
	sqliteSchemes = []string{"sqlite", "sqlite3"}
)

// checkNoServer refuses names that would create a file by mistake. Its errors repeat nothing that may be a password.
func checkNoServer(path string) error {
	if passwordIn.MatchString(path) {
		return errors.New("database must be a file, or a PostgreSQL server as postgres://user:password@host/name or host=… dbname=…; this has a password in it, and is neither")
	}
	parts := schemeFirst.FindStringSubmatch(path)
	switch {
	case parts == nil || filepath.VolumeName(path) != "":
		return nil
	case slices.Contains(sqliteSchemes, strings.ToLower(parts[1])):
		return fmt.Errorf("database must be the file's path alone, without %q before it", parts[1]+":")
	}
	if begins := parts[1] + "://"; strings.HasPrefix(path, begins) {
		return fmt.Errorf("database must be a file or begin with postgres://, but begins with %q", begins)
	}
	return fmt.Errorf("database must be a file or begin with postgres://, but begins with %q; a file of such a name is written with ./ before it", parts[1]+":")
}

// missing is the error of a database's file that is not there, by its path.
type missing string

func (path missing) Error() string {
	return fmt.Sprintf("database %s does not exist; the server makes it on its first start", string(path))
}

func (missing) Unwrap() error { return fs.ErrNotExist }

func checkFile(path string, readOnly bool) error {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") {
		return fmt.Errorf("database path %q must name a file; a database in memory would lose what was answered", path)
	}
	if err := checkNoServer(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("database path %s is a directory; it must name a file", path)
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("database path %s is not a regular file", path)
	case err == nil:
		return checkOneName(path, info)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("database path %s can't be read: %w", path, err)
	case readOnly:
		return missing(path)
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("database path %s: the folder %s does not exist", path, dir)
	}
	return nil
}
