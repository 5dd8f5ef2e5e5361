//go:build linux

package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/gobwas/ws"
)

// gobwasFrame is parseFrame by gobwas/ws, whose ReadHeader reads from an io.Reader.
func gobwasFrame(r *bytes.Reader, data []byte) (frame, int, error) {
	r.Reset(data)
	h, err := ws.ReadHeader(r)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return frame{}, 0, errIncomplete
	}
	if err != nil {
		return frame{}, 0, err
	}
	skip := len(data) - r.Len()
	if len(data) < skip+int(h.Length) {
		return frame{}, 0, errIncomplete
	}
	return frame{h.OpCode, data[skip : skip+int(h.Length)]}, skip + int(h.Length), nil
}

// BenchmarkFrames parses 128 frames of 330 bytes, as a subscriber does that has fallen behind.
func BenchmarkFrames(b *testing.B) {
	one := ws.MustCompileFrame(ws.NewTextFrame(bytes.Repeat([]byte("x"), 330)))
	data := bytes.Repeat(one, 128)
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for used := 0; used < len(data); {
				_, n, err := parseFrame(data[used:])
				if err != nil {
					b.Fatal(err)
				}
				used += n
			}
		}
	})
	b.Run("gobwas", func(b *testing.B) {
		b.ReportAllocs()
		var r bytes.Reader
		for b.Loop() {
			for used := 0; used < len(data); {
				_, n, err := gobwasFrame(&r, data[used:])
				if err != nil {
					b.Fatal(err)
				}
				used += n
			}
		}
	})
}
