package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"time"
)

const (
	readyTimeout = 60 * time.Second
	readyPoll    = 20 * time.Millisecond

	tailBytes = 4 << 10
)

// AwaitReady calls ready until it returns nil. It returns an error with the end of the output where the program ends
// before, or takes longer than a minute.
func (p *Process) AwaitReady(ctx context.Context, ready func() error) error {
	if err := Await(ctx, p.Ended(), ready); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", p.name, errors.Join(err, p.Result()), p.Tail())
	}
	return nil
}

// Await calls ready until it returns nil. It returns the last error where ended is closed before, ctx ends, or a minute
// has passed.
func Await(ctx context.Context, ended <-chan struct{}, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return err
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// Tail returns the last 4 KiB of a file, such as a log, or the error of reading it.
func Tail(name string) []byte {
	log, err := os.ReadFile(name)
	if err != nil {
		return []byte(err.Error())
	}
	return log[max(0, len(log)-tailBytes):]
}

// FreeAddr picks a loopback address that nothing listens on. Its port is below those that Linux gives to outgoing
// connections, so that none of them takes it while the address's program is down.
func FreeAddr() (string, error) {
	var last error
	for range 50 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(15000+rand.IntN(17000)))
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			last = err
			continue
		}
		return addr, listener.Close()
	}
	return "", fmt.Errorf("find a free port: %w", last)
}
