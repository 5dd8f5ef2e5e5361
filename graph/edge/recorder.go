package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// responseRecorder remembers a response's status and counts its bytes. It flushes, hijacks and takes deadlines as the
// ResponseWriter below it does.
type responseRecorder struct {
	http.ResponseWriter
	status int // 0 until it is known
	bytes  int64
}

var _ interface {
	http.Flusher
	http.Hijacker
	io.ReaderFrom
} = (*responseRecorder)(nil)

// Unwrap is http.ResponseController's contract.
func (r *responseRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *responseRecorder) begin(status int) {
	informational := status < 200 && status != http.StatusSwitchingProtocols
	if r.status == 0 && !informational {
		r.status = status
	}
}

func (r *responseRecorder) WriteHeader(status int) {
	r.begin(status)
	r.ResponseWriter.WriteHeader(status)
}

func (r *responseRecorder) Write(b []byte) (int, error) {
	r.begin(http.StatusOK)
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom keeps net/http's way to send a file without copying it.
func (r *responseRecorder) ReadFrom(source io.Reader) (int64, error) {
	r.begin(http.StatusOK)
	n, err := io.Copy(r.ResponseWriter, source)
	r.bytes += n
	return n, err
}

func (r *responseRecorder) Flush() {
	r.begin(http.StatusOK)
	// A writer that can't flush keeps nothing back for long, and Flusher has no way to say so.
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

func (r *responseRecorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.begin(http.StatusSwitchingProtocols)
	}
	return conn, buffered, err
}
