//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// group is a Linux control group that bounds the memory of its processes, as MemoryMax= of a systemd service does. It
// supports both versions of the kernel's interface.
type group struct {
	dir     string
	unified bool // version 2
}

const groupRoot = "/sys/fs/cgroup"

// newGroup makes a group of limit bytes, without swap. It needs the rights of root.
func newGroup(limit int64) (*group, error) {
	g := &group{dir: filepath.Join(groupRoot, "memory", "attack-"+random(4))}
	if controllers, err := os.ReadFile(filepath.Join(groupRoot, "cgroup.controllers")); err == nil {
		if !strings.Contains(string(controllers), "memory") {
			return nil, errors.New("control groups here do not bound memory")
		}
		g.unified, g.dir = true, filepath.Join(groupRoot, filepath.Base(g.dir))
		if err := os.WriteFile(filepath.Join(groupRoot, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
			return nil, fmt.Errorf("have control groups bound memory: %w", err)
		}
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	err := g.write(limit)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bound a control group: %w", err), g.remove())
	}
	return g, nil
}

func (g *group) write(limit int64) error {
	name, swap, swaps := "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", strconv.FormatInt(limit, 10)
	if g.unified {
		name, swap, swaps = "memory.max", "memory.swap.max", "0"
	}
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(strconv.FormatInt(limit, 10)), 0); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(g.dir, swap), []byte(swaps), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// processes is the file that a process joins the group by: its id is written there.
func (g *group) processes() string { return filepath.Join(g.dir, "cgroup.procs") }

// peak returns the most memory that the group has held, the page cache included, or 0 where that is unknown.
func (g *group) peak() int64 {
	name := "memory.max_usage_in_bytes"
	if g.unified {
		name = "memory.peak"
	}
	text, _ := os.ReadFile(filepath.Join(g.dir, name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// remove removes the group, whose processes have ended; the kernel may take a moment to see that.
func (g *group) remove() (err error) {
	for range 100 {
		if err = os.Remove(g.dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
