package archive

import (
	"os"
	"strings"
	"testing"
)

// spooled returns the file that pages make.
func spooled(t *testing.T, pages ...string) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	s := NewSpool(file)
	for _, page := range pages {
		if err := s.Add(page); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestChanges: what changed while it was exported comes into its place, the last of several, and a session that has gone leaves
// nothing.
func TestChanges(t *testing.T) {
	const (
		start  = `{"type":"chattok","format":1}` + "\n" + `{"type":"session","id":"a"}` + "\n"
		b      = `{"type":"connection","id":"b"}` + "\n"
		actor  = `{"type":"actor","name":"x","connectionId":"b"}` + "\n"
		entry1 = `{"type":"entry","seq":1,"body":"1"}` + "\n"
		entry9 = `{"type":"entry","seq":9,"body":"9"}` + "\n"
		react1 = `{"type":"reaction","seq":1,"connectionId":"b","name":"x"}` + "\n"
		react9 = `{"type":"reaction","seq":9,"connectionId":"b","name":"x"}` + "\n"
		ban    = `{"type":"ban","id":"z"}` + "\n"
		end    = `{"type":"sessionEnd","entries":10}` + "\n"
		all    = `{"type":"end"}` + "\n"
	)
	got := spooled(t, start+b+actor, entry1+entry9, react1+react9+ban, `{"type":"changes"}
{"type":"connection","id":"a"}
{"type":"connection","id":"b","role":"new"}
{"type":"entry","seq":9,"body":"older"}
{"type":"entry","seq":10,"body":"10"}
{"type":"reaction","seq":9,"connectionId":"old","name":"x"}
{"type":"connection","id":"c"}
{"type":"entry","seq":9,"body":"new"}
`, `{"type":"reaction","seq":9,"userId":"u","connectionId":"b","name":"y"}
{"type":"reaction","seq":9,"connectionId":"c","name":"y"}
`+end+`{"type":"session","id":"gone"}
`+b, entry1+`{"type":"sessionGone"}
{"type":"session","id":"z"}
`+b+end, all)
	want := start + `{"type":"connection","id":"a"}
{"type":"connection","id":"b","role":"new"}
{"type":"connection","id":"c"}
` + actor + entry1 + `{"type":"entry","seq":9,"body":"new"}
{"type":"entry","seq":10,"body":"10"}
` + react1 + `{"type":"reaction","seq":9,"connectionId":"c","name":"y"}
{"type":"reaction","seq":9,"userId":"u","connectionId":"b","name":"y"}
` + ban + end + `{"type":"session","id":"z"}
` + b + end + all
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestStrangeLines: lines that are none of an export's are refused.
func TestStrangeLines(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, line := range []string{"x\n", "{}\n", `{"type":"entry"`, `{"type":"entry"}`} {
		if err := NewSpool(file).Add(line); err == nil || !strings.Contains(err.Error(), "a line that is none of an export") {
			t.Errorf("%q: %v", line, err)
		}
	}
	if err := NewSpool(file).End(); err == nil {
		t.Error("an export without an end is taken")
	}
}
