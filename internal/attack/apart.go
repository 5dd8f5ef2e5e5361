//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// crowd is honest people while an attempt goes on.
type crowd interface {
	// harmed counts a fault that one of them met.
	harmed(what string)
	// finish stops the posting, waits until everybody has received every entry, and returns the measures. The attack lasted from
	// begin to end.
	finish(begin, end time.Time) result
	// leave ends everything at once.
	leave() error
}

var _ = []crowd{(*people)(nil), (*peopleApart)(nil)}

// apartVariable has the orders of a process of people.
const apartVariable = "CHATTOK_ATTACK_PEOPLE"

// orders say what a process of people does.
type orders struct {
	Host  string
	Roots string // the file of the certificate to trust; empty without TLS
	Count int
	Pace  time.Duration
}

// report is a result as the process of people tells it.
type report struct {
	Error       string
	Adds, Cuts  int
	Calm, Storm time.Duration
	Harm        map[string]int
	Unseen      int
}

// peopleApart are people in a process of their own. Those who attack share a process that is busy, and what that costs them is no
// harm that the server does to others.
type peopleApart struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader

	mu   sync.Mutex
	harm map[string]int // met in this process
}

// gatherApart is gather in a process of its own.
func gatherApart(ctx context.Context, s *server, n int, pace time.Duration) (*peopleApart, error) {
	given := orders{Host: s.host, Count: n, Pace: pace}
	if s.roots != nil {
		given.Roots = s.file("cert.pem")
	}
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	p := &peopleApart{cmd: exec.CommandContext(ctx, "/proc/self/exe"), harm: make(map[string]int)}
	p.cmd.Env = append(os.Environ(), apartVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(out)
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // to its end
		started <- startOnAll(p.cmd)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the people: %w", err)
	}
	if r, err := p.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("the people do not come: %w", err), p.leave())
	} else if r.Error != "" {
		return nil, errors.Join(errors.New(r.Error), p.leave())
	}
	return p, nil
}

// read reads the next report.
func (p *peopleApart) read() (r report, err error) {
	line, err := p.stdout.ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

func (p *peopleApart) harmed(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.harm[what]++
}

func (p *peopleApart) finish(begin, end time.Time) result {
	_ = json.NewEncoder(p.stdin).Encode([2]time.Time{begin, end}) // a process that has ended gives no report
	r, err := p.read()
	if err != nil {
		r.Harm = map[string]int{"the people's process ended: " + err.Error(): 1}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Harm == nil {
		r.Harm = make(map[string]int)
	}
	maps.Copy(r.Harm, p.harm)
	return result{adds: r.Adds, calm: r.Calm, storm: r.Storm, harm: r.Harm, cuts: r.Cuts, unseen: r.Unseen}
}

func (p *peopleApart) leave() error {
	_ = p.stdin.Close() // tells the process to end
	_ = p.cmd.Wait()    // how it ended is in the report, or does not matter any more
	return nil
}

// peopleProcess is the process of people, where this is one: it gathers them, says so, and reports when it is asked to.
func peopleProcess() (is bool) {
	text := os.Getenv(apartVariable)
	if text == "" {
		return false
	}
	say := json.NewEncoder(os.Stdout)
	p, err := peopleByOrders(text)
	if err != nil {
		_ = say.Encode(report{Error: err.Error()})
		return true
	}
	_ = say.Encode(report{})
	var lasted [2]time.Time
	if json.NewDecoder(os.Stdin).Decode(&lasted) != nil { // closed: nobody asks
		_ = p.leave()
		return true
	}
	r := p.finish(lasted[0], lasted[1])
	_ = say.Encode(report{Adds: r.adds, Cuts: r.cuts, Calm: r.calm, Storm: r.storm, Harm: r.harm, Unseen: r.unseen})
	return true
}

func peopleByOrders(text string) (*people, error) {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, err
	}
	if err := raiseFiles(); err != nil {
		return nil, err
	}
	s := &server{host: o.Host}
	if o.Roots != "" {
		certificate, err := os.ReadFile(o.Roots)
		if err != nil {
			return nil, err
		}
		s.roots = x509.NewCertPool()
		s.roots.AppendCertsFromPEM(certificate)
	}
	return gather(context.Background(), s, o.Count, o.Pace, false, false)
}
