//go:build !unix

package db

import (
	"io/fs"
	"log/slog"
)

// Neither links nor permissions are told here.
func checkAlone(string, fs.FileInfo) error { return nil }
func closeToOthers(string, *slog.Logger)   {}

func (s *Store) checkRoom() error { return nil }
