//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// allProcessors are those that this process may use.
var allProcessors unix.CPUSet

// keepToHalf bounds this process, which attacks, to half of the processors. Attackers have machines of their own; where they share the
// server's, they would take from the server and from the people what no attack over a network can take. The server, and the people's
// process, may use all of them. With one processor, everybody shares it.
func keepToHalf() error {
	if err := unix.SchedGetaffinity(0, &allProcessors); err != nil {
		return fmt.Errorf("read which processors there are: %w", err)
	}
	half, take := unix.CPUSet{}, allProcessors.Count()/2
	for cpu := 0; half.Count() < take; cpu++ {
		if allProcessors.IsSet(cpu) {
			half.Set(cpu)
		}
	}
	if take == 0 {
		return nil
	}
	runtime.GOMAXPROCS(take)
	// Threads that begin later have the processors of those that begin them. A second round finds what began during the first.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, &half); err != nil && err != unix.ESRCH {
				return fmt.Errorf("use half of the processors: %w", err)
			}
		}
	}
	return nil
}

// startOnAll starts a process that may use all processors. It is called on a goroutine that keeps its thread to its end, since the
// thread may use them too from then on.
func startOnAll(cmd *exec.Cmd) error {
	if allProcessors.Count() > 0 {
		if err := unix.SchedSetaffinity(0, &allProcessors); err != nil {
			return fmt.Errorf("use all processors: %w", err)
		}
	}
	return cmd.Start()
}

// spent returns the processor time that this process has used.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spent returns the processor time that the server has used, and 0 where it has ended.
func (s *server) spent() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid()))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ") // behind the program's name
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime of proc_pid_stat(5)
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	const perSecond = 100 // sysconf(_SC_CLK_TCK)
	return time.Duration(ticks) * time.Second / perSecond
}
