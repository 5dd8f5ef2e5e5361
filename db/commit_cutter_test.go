package db_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// commitCutter is a proxy to PostgreSQL that cuts connections at their commits: before the server gets the commit, or
// after the server has made it and before the client hears of it.
type commitCutter struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	random   *rand.Rand
	off      bool
	before   int
	after    int
	serving  sync.WaitGroup
}

// commitMessage is a commit as the driver sends it: a simple query, with its length and a zero byte at the end.
var commitMessage = []byte("Q\x00\x00\x00\x0bcommit\x00")

func startCommitCutter(t *testing.T, target string, seed uint64) *commitCutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &commitCutter{listener: listener, target: target, random: rand.New(rand.NewPCG(seed, 0)), off: true}
	c.serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			c.serving.Go(func() { c.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		c.serving.Wait()
	})
	return c
}

// verdict is what the proxy does with a commit.
type verdict int

const (
	pass verdict = iota
	cutBefore
	cutAfter
)

func (c *commitCutter) judge() verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return pass
	}
	switch c.random.IntN(6) {
	case 0:
		c.before++
		return cutBefore
	case 1:
		c.after++
		return cutAfter
	}
	return pass
}

func (c *commitCutter) set(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

func (c *commitCutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.target)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool // the client hears nothing more
	c.serving.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			if !deaf.Load() {
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		what := pass
		if bytes.HasSuffix(buffer[:n], commitMessage) {
			what = c.judge()
		}
		if what == cutBefore {
			return
		}
		deaf.Store(what == cutAfter)
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if what == cutAfter {
			// The server has made the commit, and the client's connection ends without an answer.
			return
		}
	}
}
