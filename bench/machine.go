//go:build linux

package main

import (
	"bufio"
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// userHZ is the unit of /proc's processor times: a second's ticks, 100 on every Linux that Go runs on.
const userHZ = 100

// cpu returns the user and system time of a process, in steps of 10 ms.
func cpu(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(b)
}

// parseStat reads fields 14 and 15 of proc_pid_stat(5); the second may hold spaces and parentheses.
func parseStat(b []byte) (time.Duration, error) {
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("a stat of %d fields", len(fields))
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	if errUser != nil || errSystem != nil {
		return 0, fmt.Errorf("processor times %q and %q", fields[11], fields[12])
	}
	return time.Duration(user+system) * time.Second / userHZ, nil
}

// ownCPU returns the processor time that this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident returns the bytes of memory that a process holds (VmRSS).
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// settle returns the resident memory once it has moved by less than a hundredth for a second, or after limit.
func settle(pid int, limit time.Duration) (int64, error) {
	last, err := resident(pid)
	steady := 0
	for begin := time.Now(); err == nil && steady < 5 && time.Since(begin) < limit; {
		time.Sleep(200 * time.Millisecond)
		var now int64
		now, err = resident(pid)
		if steady++; max(now-last, last-now) > last/100 {
			steady, last = 0, now
		}
	}
	return last, err
}

// raiseDescriptors raises the limit of open files, for this process and those that it starts, and returns it.
func raiseDescriptors(want uint64) (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	higher := syscall.Rlimit{Cur: max(limit.Cur, want), Max: max(limit.Max, want)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &higher) == nil {
		return higher.Cur, nil
	}
	limit.Cur = limit.Max // beyond it only root may go
	return limit.Cur, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// describeMachine describes the machine in one line, without the names of hosts or folders.
func describeMachine(dir string) string {
	sync, err := syncTime(dir)
	disk := fmt.Sprintf("a write of 4 KiB and its fdatasync take %.2f ms", float64(sync.Microseconds())/1000)
	if err != nil {
		disk = "fdatasync fails: " + err.Error()
	}
	return fmt.Sprintf("%s, %d processors, %s, Linux %s, %s; on %s %s",
		procValue("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory(), kernel(), runtime.Version(), fileSystem(dir), disk)
}

func procValue(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	kib, err := strconv.Atoi(strings.TrimSuffix(procValue("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

// kernel returns the release's number without what a distributor or a host adds to it.
func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(b)), "-")
	return number
}

// fileSystem names the kind of file system that the databases are on: durable adds on tmpfs are not durable.
func fileSystem(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return "an unknown file system"
	}
	names := map[int64]string{0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs (not durable)", 0x794c7630: "overlayfs"}
	if name, ok := names[int64(s.Type)]; ok {
		return name
	}
	return fmt.Sprintf("file system %#x", s.Type)
}

// syncTime returns the median time of 100 writes of 4 KiB, each with its fdatasync.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page, took := make([]byte, 4<<10), make([]time.Duration, 100)
	for i := range took {
		begin := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		took[i] = time.Since(begin)
	}
	return median(took), nil
}

// describeBuild names the Go version and the libraries of a binary that decide its figures.
func describeBuild(binary string) (string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	deciding := []string{"github.com/99designs/gqlgen", "github.com/centrifugal/centrifuge", "github.com/coder/websocket",
		"github.com/gobwas/ws", "github.com/golang-jwt/jwt/v5", "github.com/gorilla/websocket", "github.com/uptrace/bun", "modernc.org/sqlite"}
	said := []string{info.GoVersion}
	for _, dep := range info.Deps {
		if slices.Contains(deciding, dep.Path) {
			said = append(said, strings.TrimPrefix(dep.Path, "github.com/")+" "+dep.Version)
		}
	}
	return strings.Join(said, ", "), nil
}

// usage is the processor time of the server and of this process at a moment.
type usage struct{ server, own time.Duration }

func measureCPU(s *server) (*usage, error) {
	u := &usage{own: ownCPU()}
	for _, pid := range s.pids() {
		used, err := cpu(pid)
		if err != nil {
			return u, err
		}
		u.server += used
	}
	return u, nil
}

// since returns the processor time that both have used since u.
func (u *usage) since(s *server) (server, own time.Duration, err error) {
	now, err := measureCPU(s)
	return now.server - u.server, now.own - u.own, err
}
