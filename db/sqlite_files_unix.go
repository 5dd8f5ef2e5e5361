//go:build unix

package db

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// minFreeBytes is the space that a disk must have. A disk with less than a full group of entries takes is as good as
// full, though the small write of a Ping may still fit into the write-ahead log. A small disk needs an eighth of its
// size.
const minFreeBytes = 8 << 20

// checkFreeSpace returns an error where the disk of a SQLite database is full or nearly full.
func checkFreeSpace(path string) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(path, &disk); err != nil {
		return nil // a file system without such figures
	}
	free, needed := uint64(disk.Bavail)*uint64(disk.Bsize), min(minFreeBytes, uint64(disk.Blocks)*uint64(disk.Bsize)/8)
	if free < needed {
		return fmt.Errorf("the disk is full: it has %d bytes free, and needs %d", free, needed)
	}
	return nil
}

// checkOneName returns an error for a file with several names. A server that has the file open by another name has
// another lock and another write-ahead log, and the two servers would destroy each other's pages.
func checkOneName(path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink > 1 {
		return fmt.Errorf("database %s is a file with %d names (hard links): another server may have it open by another one; copy it to a file of its own", path, stat.Nlink)
	}
	return nil
}

// syncFolder makes the names of new files in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Permissions of users other than a file's owner.
const (
	forGroup  = 0o070
	forOthers = 0o007
)

// restrictPermissions takes the permissions on the database's files from users outside the file's group, and logs that.
// A copy that was put back may have more permissions than the server gives. A group is the operator's choice, so it is
// only logged.
func restrictPermissions(path string, log *slog.Logger) {
	for _, name := range fileNames {
		info, err := os.Stat(path + name)
		if err != nil {
			continue // not created yet: SQLite gives it the database's permissions
		}
		mode := info.Mode().Perm()
		if mode&forOthers != 0 {
			// By name: to open and close the file would drop the locks that this process holds on it.
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
