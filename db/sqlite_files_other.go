//go:build !unix

package db

import (
	"io/fs"
	"log/slog"
)

// Hard links, permissions and free space are not checked on this system.
func checkOneName(string, fs.FileInfo) error   { return nil }
func restrictPermissions(string, *slog.Logger) {}

func checkFreeSpace(string) error { return nil }

func syncFolder(string) error { return nil } // a folder can't be opened on some systems
