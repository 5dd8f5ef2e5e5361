package command

import (
	"context"
	"io"
)

// stoppable is a reader that ends with ctx's error once ctx is done, also while it waits for input that does not come. The goroutine
// that reads ends with the program, since nothing else ends a read of a terminal.
type stoppable struct {
	ctx    context.Context
	chunks chan chunk
	last   chunk // the part of it that was not read yet, and the error after that
}

// chunk is what one read brought.
type chunk struct {
	bytes []byte
	err   error
}

func newStoppable(ctx context.Context, from io.Reader) *stoppable {
	s := &stoppable{ctx: ctx, chunks: make(chan chunk)}
	go func() {
		for ctx.Err() == nil {
			b := make([]byte, 64<<10)
			n, err := from.Read(b)
			s.chunks <- chunk{b[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *stoppable) Read(b []byte) (int, error) {
	for {
		if err := s.ctx.Err(); err != nil {
			return 0, err
		}
		if len(s.last.bytes) > 0 {
			n := copy(b, s.last.bytes)
			s.last.bytes = s.last.bytes[n:]
			return n, nil
		}
		if s.last.err != nil {
			return 0, s.last.err
		}
		select {
		case s.last = <-s.chunks:
		case <-s.ctx.Done():
		}
	}
}

// holds says whether there is input that was taken from the source and that nobody has read.
func (s *stoppable) holds() bool {
	if len(s.last.bytes) == 0 && s.last.err == nil {
		select {
		case s.last = <-s.chunks:
		default:
		}
	}
	return len(s.last.bytes) > 0
}
