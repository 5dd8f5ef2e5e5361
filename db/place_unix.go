//go:build unix

package db

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// leastRoom is how many bytes a disk must have free: less than a full group of entries takes is as good as none, though
// the small write of a Ping may still find a place in the write-ahead log. A small disk needs an eighth of itself.
const leastRoom = 8 << 20

// checkRoom fails where the disk of a SQLite database is full, or about to be.
func (s *Store) checkRoom() error {
	if s.engine.shared {
		return nil
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(s.path, &disk); err != nil {
		return nil // of a kind that does not tell
	}
	free, needed := uint64(disk.Bavail)*uint64(disk.Bsize), min(leastRoom, uint64(disk.Blocks)*uint64(disk.Bsize)/8)
	if free < needed {
		return fmt.Errorf("the disk is full: it has %d bytes free, and needs %d", free, needed)
	}
	return nil
}

// checkAlone fails for a file with a second name. A server that has it open by that name has another lock and another
// write-ahead log, and the two would destroy each other's pages.
func checkAlone(path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink > 1 {
		return fmt.Errorf("database %s is a file with %d names (hard links): another server may have it open by another one; copy it to a file of its own", path, stat.Nlink)
	}
	return nil
}

// Permissions of a file for others than its owner.
const (
	forGroup  = 0o070
	forOthers = 0o007
)

// closeToOthers takes the database's files away from everybody but their owner and group, as a copy that was put back may
// have come with more, and says so. A group is the operator's to choose, and is only told of.
func closeToOthers(path string, log *slog.Logger) {
	for _, name := range placeNames {
		info, err := os.Stat(path + name)
		if err != nil {
			continue // not made yet: it takes over the database's permissions
		}
		mode := info.Mode().Perm()
		if mode&forOthers != 0 {
			// By name: to open and close the file would drop the locks that this process has on it.
			if err := os.Chmod(path+name, mode&^forOthers); err != nil {
				log.Warn("other users can read the database, which has the API secret and every message in it, and its permissions can't be changed", "file", path+name, "mode", mode.String(), "error", err)
				continue
			}
			log.Warn("other users could read the database, which has the API secret and every message in it; its permissions were changed", "file", path+name, "mode", mode.String(), "now", (mode &^ forOthers).String())
		}
		if mode&forGroup != 0 && name == "" {
			log.Warn("the users of a group can read the database, which has the API secret and every message in it; chmod 600 keeps them out", "file", path, "mode", mode.String())
		}
	}
}
