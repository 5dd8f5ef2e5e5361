//go:build linux

package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// says fails the test unless the error's text holds want; an empty want wants no error.
func says(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("error %v, want none", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want one with %q", err, want)
	}
}

func TestSequence(t *testing.T) {
	for _, c := range []struct {
		name    string
		numbers []int64
		want    string
	}{
		{"in order", []int64{1, 2, 3}, ""},
		{"gap", []int64{1, 2, 4}, "entries 3 to 3 are missing"},
		{"no beginning", []int64{3}, "entries 1 to 2 are missing"},
		{"double", []int64{1, 2, 2}, "entry 2 came again or late, after 2"},
		{"disorder", []int64{1, 2, 3, 2}, "entry 2 came again or late, after 3"},
		{"zero", []int64{0}, "entry 0 came again or late, after 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s sequence
			var err error
			for _, n := range c.numbers {
				if err = s.next(n); err != nil {
					break
				}
			}
			says(t, err, c.want)
		})
	}
}

func TestCheckNumbers(t *testing.T) {
	for _, c := range []struct {
		name    string
		numbers []int64
		want    string
	}{
		{"none", nil, ""},
		{"of several posters", []int64{2, 4, 1, 3}, ""},
		{"gap", []int64{4, 1, 2}, "numbers of 3 answered adds: entries 3 to 3 are missing"},
		{"double", []int64{2, 1, 2}, "numbers of 3 answered adds: entry 2 came again"},
		{"not from 1", []int64{3, 2}, "entries 1 to 1 are missing"},
	} {
		t.Run(c.name, func(t *testing.T) { says(t, checkNumbers(c.numbers), c.want) })
	}
}

func TestParseResponse(t *testing.T) {
	for _, c := range []struct{ name, data, body, want string }{
		{"length", "HTTP/1.1 200 OK\r\nContent-Type: x\r\nCONTENT-length:  5\r\n\r\nhello", "hello", ""},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", ""},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nA\r\nlo, world!\r\n0\r\n\r\n", "hello, world!", ""},
		{"status", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", "", "HTTP/1.1 503 Service Unavailable: busy"},
		{"no length", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", "", "unknown length"},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "", "content-length"},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "", "a chunk's length"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, used, err := parseResponse([]byte(c.data))
			says(t, err, c.want)
			if err != nil {
				return
			}
			if string(body) != c.body || used != len(c.data) {
				t.Errorf("body %q of %d bytes, want %q of %d", body, used, c.body, len(c.data))
			}
			for cut := range len(c.data) {
				if _, _, err := parseResponse([]byte(c.data[:cut])); !errors.Is(err, errIncomplete) {
					t.Errorf("the first %d bytes: error %v", cut, err)
				}
			}
			if _, used, err := parseResponse([]byte(c.data + "HTTP/1.1")); err != nil || used != len(c.data) {
				t.Errorf("with more behind it: %d bytes, %v", used, err)
			}
		})
	}
}

func TestParseFrame(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65_535, 65_536} {
		text := strings.Repeat("x", n)
		data := serverFrame(ws.OpText, text)
		f, used, err := parseFrame(append(bytes.Clone(data), 0x81))
		if err != nil || used != len(data) || f.opcode != ws.OpText || string(f.payload) != text {
			t.Errorf("%d bytes: opcode %d, payload of %d, used %d, %v", n, f.opcode, len(f.payload), used, err)
		}
		for _, cut := range []int{0, 1, len(data) - n - 1, len(data) - 1} {
			if _, _, err := parseFrame(data[:cut]); err != errIncomplete {
				t.Errorf("%d of %d bytes: error %v", cut, len(data), err)
			}
		}
	}
	for _, c := range []struct{ name, data string }{
		{"fragment", "\x01\x00"}, {"compressed", "\xc1\x00"}, {"masked", "\x81\x80\x00\x00\x00\x00"},
		{"huge", "\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00"},
	} {
		if _, _, err := parseFrame([]byte(c.data)); err == nil || err == errIncomplete {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

func TestSetTime(t *testing.T) {
	p := newPoster("h", member{"c-1", "a"}, 40)
	size := len(p.request)
	p.setTime(p.request, 1_700_000_000_123_456_789)
	if want := `"b":"1700000000123456789|` + strings.Repeat("x", 20) + `"`; !bytes.Contains(p.request, []byte(want)) || len(p.request) != size {
		t.Errorf("request %s, want %s in it", p.request, want)
	}
}

func TestPosterTakes(t *testing.T) {
	for _, c := range []struct {
		body string
		seq  int64
	}{
		{`{"data":{"addChatEntry":{"seq":17}}}`, 17},
		{`{"data":{"addChatEntry":{"seq":17}}}` + "\n", 17},
		{`{"data":{"addChatEntry":{"seq":}}}`, 0},
		{`{"data":null,"errors":[{"message":"no"}]}`, 0},
		{`{"data":{"addChatEntry":{"seq":17}},"errors":[]}`, 0},
	} {
		p := &poster{}
		err := p.took([]byte(c.body), 1, 2)
		switch {
		case c.seq == 0 && err == nil:
			t.Errorf("%s: no error", c.body)
		case c.seq != 0 && (err != nil || len(p.posts) != 1 || p.posts[0] != post{c.seq, 1, 2}):
			t.Errorf("%s: %v, %v", c.body, p.posts, err)
		}
	}
}

// TestSubscriberMessage covers what the products send: one entry a message, or several.
func TestSubscriberMessage(t *testing.T) {
	const stamp = "1700000000123456789"
	entry := `{"id":"a","type":"next","payload":{"data":{"entryAdded":{"seq":1,"connectionId":"c","body":"` + stamp + `|x","createdAt":""}}}}`
	push := func(n string) string {
		return `{"push":{"channel":"c","pub":{"data":{"body":"` + stamp + `|x"},"offset":` + n + `}}}`
	}
	for _, c := range []struct {
		name    string
		speaks  *protocol
		message string
		entries int
		want    string
	}{
		{"entry", &chattok, entry, 1, ""},
		{"several", &centrifuge, push("1") + "\n" + push("2"), 2, ""},
		{"gap within", &centrifuge, push("1") + "\n" + push("3"), 0, "entries 2 to 2 are missing"},
		{"double within", &centrifuge, push("1") + "\n" + push("1"), 0, "entry 1 came again"},
		{"no time", &chattok, strings.Replace(entry, stamp, "hello", 1), 0, "body has no time"},
		{"no body", &chattok, `{"entryAdded":{"seq":1}}`, 0, "entry 1 has no body"},
		{"error", &chattok, `{"id":"a","type":"error","payload":[{"message":"no"}]}`, 0, "message is no entry"},
		{"end", &chattok, `{"id":"a","type":"complete"}`, 0, "message is no entry"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &subscriber{speaks: c.speaks, sampled: true}
			entries, err := u.message(nil, []byte(c.message), 5)
			says(t, err, c.want)
			if err == nil && (entries != c.entries || len(u.records) != c.entries || u.records[0] != delivery{1, 1_700_000_000_123_456_789, 5}) {
				t.Errorf("%d entries, records %v", entries, u.records)
			}
		})
	}
}

func TestSubscriberRefuses(t *testing.T) {
	u := &subscriber{speaks: &chattok}
	_, err := u.receive(nil, serverFrame(ws.OpClose, "\x0f\xa0bye"), 0)
	says(t, err, "opcode 8")
}

func TestOutputFindsAddress(t *testing.T) {
	o := newOutput()
	for _, piece := range []string{"listening on http://127.0.", "0.1:40", "123", "\nhttp://127.0.0.1:1\n"} {
		if _, err := o.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case host := <-o.host:
		if host != "127.0.0.1:40123" {
			t.Errorf("host %s", host)
		}
	default:
		t.Error("no address found")
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0"))
	if want := 1750 * time.Millisecond; got != want || err != nil {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "7 (a) S 1", "7 (a) S 1 2 3 4 5 6 7 8 9 10 x 25 0"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
