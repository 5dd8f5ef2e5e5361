package transport

import "sync"

// Sizes of the buffers for bodies and responses. A buffer that grew above maxPooledBytes is left to the garbage
// collector, so that a few large requests don't hold memory for ever.
const (
	newBufferBytes = 4 << 10
	maxPooledBytes = 64 << 10
)

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, newBufferBytes)
	return &b
}}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) <= maxPooledBytes {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
