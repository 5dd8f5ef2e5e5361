package main

import (
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// What of the memory that there is the server takes for itself.
const (
	budgetPart     = 8         // the budget is this part of it by default,
	minBudget      = 16 << 20  // though no less than this
	maxBudget      = 64 << 20  // and no more: garbage comes on top, and a large server can be told to take more
	leastBudget    = 8 << 20   // that can be asked for
	softLimitParts = 4         // the collector works harder above three of so many parts of it
	unknownMemory  = 512 << 20 // where the system does not say how much there is
)

// byteSize is a number of bytes as a setting: 67108864, 64MiB or 1GiB.
type byteSize int64

var byteUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// UnmarshalText reads a size.
func (b *byteSize) UnmarshalText(text []byte) error {
	for _, unit := range byteUnits {
		digits, ok := strings.CutSuffix(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/unit.bytes {
			break
		}
		*b = byteSize(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size such as 64MiB or 1GiB", text)
}

// MarshalText writes a size in the largest unit that it is a whole number of.
func (b byteSize) MarshalText() ([]byte, error) {
	for _, unit := range byteUnits[:3] {
		if b != 0 && int64(b)%unit.bytes == 0 {
			return fmt.Appendf(nil, "%d%s", int64(b)/unit.bytes, unit.name), nil
		}
	}
	return fmt.Appendf(nil, "%d", int64(b)), nil
}

// budget returns the bytes of the node's budget.
func (c config) budget() int64 {
	if c.memory > 0 {
		return int64(c.memory)
	}
	return min(maxBudget, max(minBudget, availableMemory("/")/budgetPart))
}

// limitMemory has the collector work harder before the system ends the process, unless the operator says otherwise by
// GOMEMLIMIT.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(availableMemory("/") / softLimitParts * (softLimitParts - 1))
	}
}

// availableMemory returns how many bytes of memory this process may use: those of the machine, or of the tightest of the
// control groups that it is in (version 1 or 2), which is what a container or a unit's MemoryMax is. root is where the
// system's files are.
func availableMemory(root string) int64 {
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
		// A limit of a group holds for those below it. Within a container the path may be the host's, and the container's
		// own group is at the top.
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
		return unknownMemory
	}
	return least
}

// readBytes reads a file of one number above 0; "max" is none.
func readBytes(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0
}

// machineMemory reads MemTotal of proc(5)'s meminfo; the largest number where there is none.
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
