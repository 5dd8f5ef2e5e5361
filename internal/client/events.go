package client

import (
	"bufio"
	"bytes"
	"io"
)

// maxEvent is more than the longest event that a server sends.
const maxEvent = 64 << 20

// event is one of a stream of Server-Sent Events: https://html.spec.whatwg.org/multipage/server-sent-events.html.
type event struct {
	name string
	data []byte
}

// events reads a stream.
type events struct{ from *bufio.Scanner }

func newEvents(from io.Reader) *events {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxEvent)
	return &events{lines}
}

// next returns the next event. heard is called with each line, also with those that only keep the connection alive. Errors: io.EOF, also
// where the stream ends within an event; those of reading.
func (e *events) next(heard func()) (next event, err error) {
	some := false
	for e.from.Scan() {
		heard()
		line := e.from.Bytes()
		if len(line) == 0 {
			if some {
				return next, nil
			}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			next.name, some = string(value), true
		case "data":
			if next.data != nil {
				next.data = append(next.data, '\n')
			}
			next.data, some = append(next.data, value...), true
		}
	}
	if err := e.from.Err(); err != nil {
		return event{}, err
	}
	return event{}, io.EOF
}
