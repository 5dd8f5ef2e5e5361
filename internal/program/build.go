package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/gofrs/flock"
)

// Chattok builds this repository's program into bin/ and returns its path. A process builds it once.
var Chattok = sync.OnceValues(func() (string, error) { return build(".", ".", "chattok-test") })

// Tool builds a main package that tools/go.mod requires into bin/name and returns its path.
func Tool(pkg, name string) (string, error) { return build("tools", pkg, name) }

// build compiles a main package in folder, of the repository. The tests of several packages run at once, so it locks the
// file: `go build` leaves a program that is up to date alone, and none is replaced while another test runs it.
func build(folder, pkg, name string) (path string, err error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path = filepath.Join(root, "bin", name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("lock %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	command := exec.Command("go", "build", "-o", path, pkg)
	command.Dir = filepath.Join(root, folder)
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// Root returns the folder of the repository. Tests run in it or somewhere below.
func Root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "tools", "go.mod")); err == nil {
			return folder, nil
		}
		up := filepath.Dir(folder)
		if up == folder {
			return "", errors.New("find the repository: no tools/go.mod above the working directory")
		}
		folder = up
	}
}
