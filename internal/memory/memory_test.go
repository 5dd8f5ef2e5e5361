package memory

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAvailable: of several limits, and of either version of control groups, the tightest counts.
func TestAvailable(t *testing.T) {
	const machine = "MemTotal:        1048576 kB\nMemFree: 12 kB\n" // 1 GiB
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"machine", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 1 << 30},
		{"version 2", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/system.slice/chattok.service\n",
			"sys/fs/cgroup/system.slice/chattok.service/memory.max": "536870912\n"}, 512 << 20},
		{"version 2, above", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "268435456\n"}, 256 << 20},
		{"a container of version 2", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/../host/path\n",
			"sys/fs/cgroup/memory.max": "134217728\n"}, 128 << 20},
		{"version 1", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "9:cpu,cpuacct:/x\n5:memory:/docker/abc\n",
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "67108864\n"}, 64 << 20},
		{"version 1, none", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "5:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1 << 30},
		{"nothing known", nil, unknown},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			name = filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := available(root); got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.name, got, c.want)
		}
	}
}

func TestBudget(t *testing.T) {
	if got := Budget(64 << 20); got != 64<<20 {
		t.Errorf("of 64 MiB asked for: %d bytes", got)
	}
	if got := Budget(0); got < leastByDefault || got > greatestByDefault {
		t.Errorf("by default: %d bytes", got)
	}
}
