//go:build linux

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// openers is how many clients prepare a run together.
const openers = 32

// parallel calls do with 0 to n-1, from several clients of the host at once, and returns the first error.
func parallel(host string, n int, do func(i int, c *client) error) error {
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make(chan error, openers)
	for range min(n, openers) {
		workers.Go(func() {
			c, err := dialClient(host)
			if err != nil {
				errs <- err
				return
			}
			defer c.close()
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := do(int(i), c); err != nil {
					errs <- fmt.Errorf("%d of %d: %w", i+1, n, err)
					next.Store(int64(n)) // the others stop
					return
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// connectAll makes n connections, the i-th in the session that session(i) names. Where the product has no members, it
// returns n empty ones.
func connectAll(s *server, n int, session func(i int) string) ([]member, error) {
	members := make([]member, n)
	if !s.speaks.members {
		for i := range members {
			members[i].id = fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", i)
		}
		return members, nil
	}
	err := parallel(s.host, n, func(i int, c *client) (err error) {
		members[i], err = c.connect(session(i))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return members, nil
}
