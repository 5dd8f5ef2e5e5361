// Package memory finds out how much memory the server may use, and divides it: the part that the server keeps things in to be
// fast, the connections that it has room for, and the limit above which the garbage collector works harder.
package memory

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// MinBudget is the smallest budget that may be asked for, in bytes.
	MinBudget = 8 << 20

	// By default the budget is one part of defaultParts of the memory that there is, within these bounds. The upper one is
	// low since garbage comes on top; a large server can be told to take more.
	defaultParts      = 8
	leastByDefault    = 16 << 20
	greatestByDefault = 64 << 20

	// The collector works harder when Go's memory is above all but one of limitParts of the memory that there is. The rest is for what it
	// does not know of: SQLite's page caches (some 36 MiB, see db/sqlite.go), the program itself, and bursts.
	limitParts = 3
	// connectionBytes is the memory that there must be for each TCP connection that may be open by default. One that begins a TLS
	// handshake takes 24 KiB, a subscriber 9, and the kernel 5 for either.
	connectionBytes = 48 << 10
	// requestBytes is the memory that there must be for each request that may be under way by default, of those of the API and of all others
	// alike: ten times what one takes whose header is as long as may be, before its answer.
	requestBytes = 512 << 10
	// unknown is assumed where the system does not say how much memory there is.
	unknown = 512 << 20
)

// Budget returns how many bytes the server may keep things in to be fast: asked, or a share of the memory that there is where
// asked is 0.
func Budget(asked int64) int64 {
	if asked > 0 {
		return asked
	}
	return min(greatestByDefault, max(leastByDefault, available("/")/defaultParts))
}

// Connections returns how many TCP connections the memory that there is has room for.
func Connections() int { return int(available("/") / connectionBytes) }

// Requests returns how many requests under way over HTTP the memory that there is has room for.
func Requests() int { return int(available("/") / requestBytes) }

// SetLimit makes the garbage collector work harder before the system would end the process for using too much memory. An
// operator's own GOMEMLIMIT stays as it is.
func SetLimit() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(available("/") / limitParts * (limitParts - 1))
	}
}

// available returns how many bytes of memory this process may use: those of the machine, or of the tightest of the control
// groups (version 1 or 2) that the process is in, such as a container's, or a systemd unit's with MemoryMax. root is the folder
// that holds /proc and /sys.
func available(root string) int64 {
	least := machineMemory(filepath.Join(root, "proc/meminfo"))
	groups, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(groups)) {
		// hierarchy:controllers:path; see cgroups(7).
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, file := "", ""
		switch {
		case fields[1] == "":
			base, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+fields[1]+",", ",memory,"):
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// A group's limit holds for the groups below it. Within a container the path may be the host's, while the
		// container's own group is mounted at the top.
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			if n, ok := readBytes(filepath.Join(root, base, group, file)); ok {
				least = min(least, n)
			}
			if group == "/" {
				break
			}
		}
	}
	if least == math.MaxInt64 {
		return unknown
	}
	return least
}

// readBytes reads a file that holds one number above 0. A file that holds "max" sets no limit.
func readBytes(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0
}

// machineMemory returns the machine's memory from /proc/meminfo (proc(5)), and the largest number where there is no such file.
func machineMemory(file string) int64 {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil && n > 0 {
				return n << 10
			}
		}
	}
	return math.MaxInt64
}
