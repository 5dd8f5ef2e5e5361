package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// file is what goes into an archive, and under which name.
type file struct {
	from, name string
	mode       os.FileMode
}

// writeTar writes files into a .tar.gz whose bytes depend on nothing but them and the time.
func writeTar(name string, files []file, at time.Time) (err error) {
	archive, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	compressed, err := gzip.NewWriterLevel(archive, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(compressed)
	for _, f := range files {
		info, err := os.Stat(f.from)
		if err != nil {
			return err
		}
		header := tar.Header{Name: f.name, Mode: int64(f.mode), Size: info.Size(), ModTime: at, Format: tar.FormatPAX}
		if err := w.WriteHeader(&header); err != nil {
			return err
		}
		if err := copyFile(w, f.from); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), compressed.Close())
}

// writeZip is writeTar for Windows.
func writeZip(name string, files []file, at time.Time) (err error) {
	archive, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	w := zip.NewWriter(archive)
	for _, f := range files {
		header := zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		header.SetMode(f.mode)
		entry, err := w.CreateHeader(&header)
		if err != nil {
			return err
		}
		if err := copyFile(entry, f.from); err != nil {
			return err
		}
	}
	return w.Close()
}

func copyFile(w io.Writer, name string) error {
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(w, from)
	return err
}

// writeSums writes SHA256SUMS of every file in a folder, as `sha256sum -c` reads it.
func writeSums(folder string) error {
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		hash := sha256.New()
		if err := copyFile(hash, filepath.Join(folder, e.Name())); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", hash.Sum(nil), e.Name())
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// fixMaterials gives a bill of materials the release's version and the commit's time, which its tool takes from the
// clock.
func fixMaterials(name, version string, at time.Time) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var bill map[string]any
	if err := json.Unmarshal(text, &bill); err != nil {
		return err
	}
	metadata, ok := bill["metadata"].(map[string]any)
	if !ok {
		return errors.New("it has no metadata")
	}
	metadata["timestamp"] = at.Format(time.RFC3339)
	if component, ok := metadata["component"].(map[string]any); ok {
		component["version"] = version
	}
	text, err = json.MarshalIndent(bill, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
