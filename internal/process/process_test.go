//go:build unix

package process

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chattok/internal/await"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p := New("script", filepath.Join(t.TempDir(), "log"), func() *exec.Cmd { return exec.Command("sh", "-c", script) })
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

// says waits until the program has printed a text.
func says(t *testing.T, p *Process, text string) {
	t.Helper()
	await.True(t, "it says "+text, func() bool { return strings.Contains(string(p.Tail()), text) })
}

// TestProcess starts a program twice, and ends it in both ways.
func TestProcess(t *testing.T) {
	p := shell(t, `trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	if p.Pid() != 0 || p.Ended() != nil || p.Result() != nil || p.Pause() == nil || p.Kill() == nil {
		t.Error("it runs before its first start")
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
		t.Errorf("stop a program that has ended: %v", err)
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
	if err := p.Result(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("how it ended: %v", err)
	}
}

// TestStopUnwilling: a program that does not end when it is told to is killed.
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
