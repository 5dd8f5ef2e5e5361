package transport

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// readBytes is how many bytes are read at once.
const readBytes = 4 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBytes]byte) }}

// idleReader reads a connection through a buffer that it holds only while there are bytes in it, so that a silent
// socket holds none. It is for one goroutine.
type idleReader struct {
	conn  net.Conn
	raw   syscall.RawConn // nil where the connection has none; then the buffer is held while waiting
	first []byte          // bytes that were read with the request
	buf   *[readBytes]byte
	r, w  int
}

// Read returns the bytes that are there, and waits where there are none.
func (i *idleReader) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(i.first) > 0 {
		n = copy(p, i.first)
		if i.first = i.first[n:]; len(i.first) == 0 {
			i.first = nil
		}
		return n, nil
	}
	if i.r == i.w {
		if err := i.fill(); err != nil {
			return 0, err
		}
	}
	n = copy(p, i.buf[i.r:i.w])
	if i.r += n; i.r == i.w {
		i.release()
	}
	return n, nil
}

// ready says whether Read would return at once, with bytes or an error. It may fill the buffer, and does not wait.
func (i *idleReader) ready() bool {
	if len(i.first) > 0 || i.r < i.w || i.raw == nil {
		return true
	}
	ready := false
	failed := i.raw.Read(func(fd uintptr) bool {
		i.buf = readBuffers.Get().(*[readBytes]byte)
		n, err := readFD(fd, i.buf[:])
		if n > 0 {
			i.r, i.w = 0, n
		} else {
			i.release()
		}
		ready = n > 0 || err != syscall.EAGAIN // Read finds the end or the error again
		return true
	})
	return ready || failed != nil
}

func (i *idleReader) release() {
	if i.buf != nil {
		readBuffers.Put(i.buf)
		i.buf = nil
	}
	i.r, i.w = 0, 0
}

// fill waits for bytes and reads them into a buffer.
func (i *idleReader) fill() error {
	var n int
	var err error
	if i.raw == nil {
		i.buf = readBuffers.Get().(*[readBytes]byte)
		n, err = i.conn.Read(i.buf[:])
	} else {
		failed := i.raw.Read(func(fd uintptr) (done bool) {
			i.buf = readBuffers.Get().(*[readBytes]byte)
			for {
				n, err = readFD(fd, i.buf[:])
				if err != syscall.EINTR {
					break
				}
			}
			if err == syscall.EAGAIN {
				i.release()
				return false // called again when there are bytes
			}
			return true
		})
		switch {
		case failed != nil: // the connection is closed, or past its read deadline
			n, err = 0, failed
		case err == nil && n == 0:
			err = io.EOF
		}
	}
	if n <= 0 {
		i.release()
		if err == nil {
			err = io.EOF
		}
		return err
	}
	i.r, i.w = 0, n
	return nil
}
