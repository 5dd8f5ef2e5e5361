package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/felixge/httpsnoop"
)

// responseRecorder records the status of a response and counts its bytes. Writes have to go through its ResponseWriter,
// which has the same optional methods as the one that it wraps.
type responseRecorder struct {
	http.ResponseWriter
	status int // 0 until it is known
	bytes  int64
}

// record wraps w in a recorder.
func record(w http.ResponseWriter) *responseRecorder {
	r := &responseRecorder{}
	r.ResponseWriter = httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) { r.begin(status); next(status) }
		},
		Write: func(next httpsnoop.WriteFunc) httpsnoop.WriteFunc {
			return func(b []byte) (int, error) {
				r.begin(http.StatusOK)
				n, err := next(b)
				r.bytes += int64(n)
				return n, err
			}
		},
		ReadFrom: func(next httpsnoop.ReadFromFunc) httpsnoop.ReadFromFunc {
			return func(source io.Reader) (int64, error) {
				r.begin(http.StatusOK)
				n, err := next(source)
				r.bytes += n
				return n, err
			}
		},
		Flush: func(next httpsnoop.FlushFunc) httpsnoop.FlushFunc {
			return func() { r.begin(http.StatusOK); next() }
		},
		Hijack: func(next httpsnoop.HijackFunc) httpsnoop.HijackFunc {
			return func() (net.Conn, *bufio.ReadWriter, error) {
				conn, buffered, err := next()
				if err == nil {
					r.begin(http.StatusSwitchingProtocols)
				}
				return conn, buffered, err
			}
		},
	})
	return r
}

// begin notes the status of the response, unless it is informational or known already.
func (r *responseRecorder) begin(status int) {
	informational := status < 200 && status != http.StatusSwitchingProtocols
	if r.status == 0 && !informational {
		r.status = status
	}
}
