package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// binVariable is the environment variable with the folder of PostgreSQL's programs.
const binVariable = "CHATTOK_POSTGRES_BIN"

// errNotInstalled tells what to do.
var errNotInstalled = errors.New("PostgreSQL is not installed: initdb and postgres are neither in " +
	"/usr/lib/postgresql/*/bin nor in PATH; run test/install-postgres.sh, or set " + binVariable + " to their folder")

// findBinaries returns the folder of initdb and postgres: the one that the environment names, otherwise the newest of
// Debian's, otherwise the one in PATH or in the usual places of an own build.
func findBinaries() (string, error) {
	if dir := os.Getenv(binVariable); dir != "" {
		if !hasBinaries(dir) {
			return "", errors.New(binVariable + "=" + dir + " has no initdb and postgres in it")
		}
		return dir, nil
	}
	if dir := newestOf("/usr/lib/postgresql/*/bin"); dir != "" {
		return dir, nil
	}
	candidates := []string{"/usr/local/pgsql/bin", "/usr/local/bin", "/opt/homebrew/bin"}
	if found, err := exec.LookPath("initdb"); err == nil {
		candidates = append([]string{filepath.Dir(found)}, candidates...)
	}
	for _, dir := range candidates {
		if hasBinaries(dir) {
			return dir, nil
		}
	}
	return "", errNotInstalled
}

// newestOf returns the folder with both programs whose parent folder's name is the greatest version.
func newestOf(pattern string) (newest string) {
	dirs, _ := filepath.Glob(pattern) // fails for a malformed pattern alone
	best := -1.0
	for _, dir := range dirs {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		if err == nil && version > best && hasBinaries(dir) {
			best, newest = version, dir
		}
	}
	return newest
}

func hasBinaries(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
