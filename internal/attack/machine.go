//go:build linux

package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sampleEvery is the interval between two samples of a server.
const sampleEvery = 50 * time.Millisecond

// usage holds the resources that a server uses at a moment.
type usage struct {
	resident int64 // bytes of memory
	files    int   // open descriptors
	disk     int64 // bytes of its database
	lines    int   // of its log
}

func (s *server) usage() (u usage) {
	u.resident, _ = s.status("VmRSS:")
	if entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid())); err == nil {
		u.files = len(entries)
	}
	_ = filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), "chattok.db") {
			if info, err := d.Info(); err == nil {
				u.disk += info.Size()
			}
		}
		return nil
	})
	u.lines = s.logLines()
	return u
}

// status reads a size of proc_pid_status(5), in bytes; 0 where the process has ended.
func (s *server) status(name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, nil
}

// watch records the highest usage of a server.
type watch struct {
	server *server
	before usage
	cancel context.CancelFunc
	done   sync.WaitGroup

	peak   usage
	killed bool // the server exceeded the limit of memory
}

// watchServer starts sampling a server, and kills it above limit bytes of memory. It calls enough once the memory has
// clearly exceeded its ceiling.
func watchServer(s *server, limit int64, enough func()) *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{server: s, before: s.usage(), cancel: cancel}
	// The kernel forgets the highest it has seen (proc_pid_clear_refs(5)); where it can't, the samples have to do.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid()), []byte("5"), 0)
	w.done.Go(func() { w.run(ctx, limit, enough) })
	return w
}

func (w *watch) run(ctx context.Context, limit int64, enough func()) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		w.sample(round%10 == 0)
		if w.peak.resident-w.before.resident > 4*memoryCeiling {
			enough()
		}
		if w.peak.resident > limit {
			w.killed = true
			w.server.kill()
			return
		}
		select {
		case <-ctx.Done():
			w.sample(true)
			return
		case <-tick.C:
		}
	}
}

// sample updates the memory and, where all is true, everything else.
func (w *watch) sample(all bool) {
	now, _ := w.server.status("VmRSS:")
	highest, _ := w.server.status("VmHWM:")
	if now == 0 { // it has ended
		return
	}
	w.peak.resident = max(w.peak.resident, now, highest)
	if all {
		now := w.server.usage()
		w.peak.files, w.peak.disk = max(w.peak.files, now.files), max(w.peak.disk, now.disk)
		w.peak.lines = max(w.peak.lines, now.lines)
	}
}

// stop ends the watch and returns the greatest rise of each resource; of files, the greatest number.
func (w *watch) stop() usage {
	w.cancel()
	w.done.Wait()
	return usage{resident: w.peak.resident - w.before.resident, files: w.peak.files,
		disk: w.peak.disk - w.before.disk, lines: w.peak.lines - w.before.lines}
}

// raiseFiles raises this process's limit on open files as far as it may.
func raiseFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	const want = 65_536
	if limit.Cur >= want {
		return nil
	}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: want, Max: max(want, limit.Max)}) == nil {
		return nil
	}
	limit.Cur = limit.Max // beyond it only root may go
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
