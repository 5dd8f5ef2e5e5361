//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// folderPattern names temporary folders. A file with lockSuffix beside each folder is locked while its cluster runs.
const (
	folderPattern = "chattok-cluster-"
	lockSuffix    = ".lock"
)

// temporaryFolder creates a folder, removes the folders of clusters that were killed, and returns a function that
// removes the new one.
func temporaryFolder() (dir string, release func() error, err error) {
	if dir, err = os.MkdirTemp("", folderPattern); err != nil {
		return "", nil, fmt.Errorf("make the cluster's folder: %w", err)
	}
	lock := flock.New(dir + lockSuffix)
	if err := lock.Lock(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock the cluster's folder: %w", err), os.RemoveAll(dir))
	}
	release = func() error {
		return errors.Join(os.RemoveAll(dir), os.Remove(dir+lockSuffix), lock.Close())
	}
	return dir, release, removeLeft()
}

// removeLeft removes folders whose lock is free. It leaves new ones, since a lock's file exists a moment before it is
// locked.
func removeLeft() error {
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), folderPattern+"*"+lockSuffix))
	if err != nil {
		return fmt.Errorf("look for folders left behind: %w", err)
	}
	var failed []error
	for _, name := range locks {
		if info, err := os.Stat(name); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		lock := flock.New(name)
		if held, err := lock.TryLock(); err != nil || !held {
			continue // it is in use, belongs to another user, or is gone
		}
		failed = append(failed, os.RemoveAll(name[:len(name)-len(lockSuffix)]), os.Remove(name), lock.Close())
	}
	return errors.Join(failed...)
}
