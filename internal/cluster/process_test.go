//go:build unix

package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p := &Process{name: "script", logFile: filepath.Join(t.TempDir(), "log"), command: func() *exec.Cmd { return exec.Command("sh", "-c", script) }}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

// says waits until the process has printed something.
func says(t *testing.T, p *Process, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(string(Tail(p.logFile)), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not say %q:\n%s", text, Tail(p.logFile))
		}
	}
}

func TestProcess(t *testing.T) {
	p := shell(t, `trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	if p.Pid() != 0 || p.Ended() != nil || p.How() != nil || p.Pause() == nil || p.Kill() == nil {
		t.Error("it lives before its first start")
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err == nil {
		t.Error("it started twice")
	}
	says(t, p, "ready")
	first := p.Pid()
	if err := p.Stop(20 * time.Second); err != nil {
		t.Errorf("stop: %v", err)
	}
	<-p.Ended()
	if err := p.Stop(time.Second); err != nil {
		t.Errorf("stop what is stopped: %v", err)
	}
	says(t, p, "told")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if p.Pid() == first {
		t.Error("it is the same process")
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.How(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("how it ended: %v", err)
	}
}

// TestStopUnwilling: what does not end when it is told to is killed.
func TestStopUnwilling(t *testing.T) {
	p := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	says(t, p, "ready")
	if err := p.Stop(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "does not end within 50ms") {
		t.Errorf("stop: %v", err)
	}
	<-p.Ended()
}

// TestFolders: a folder goes with its cluster; one whose cluster was killed goes with the next start, unless it is new.
func TestFolders(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, release, err := temporaryFolder()
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	left := filepath.Join(os.TempDir(), folderPattern+"left")
	for _, name := range []string{left, left + "new"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+lockSuffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{left, dir} { // the one in use is old, but locked
		if err := os.Chtimes(name+lockSuffix, old, old); err != nil {
			t.Fatal(err)
		}
	}
	_, second, err := temporaryFolder()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a killed cluster left is there: %v", err)
	}
	for _, name := range []string{dir, left + "new"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	for _, end := range []func() error{release, second} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) != 2 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
