package server

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"chattok/internal/config"
)

// TestWarnings: open mode on loopback is warned of where a setting shows that a proxy makes it public, and so is PostgreSQL without a
// file of erasures.
func TestWarnings(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	const open, erasures = "open mode behind a proxy that others can reach, according to ", "CHATTOK_ERASURES"
	for _, test := range []struct{ arguments, warning string }{
		{"", ""},
		{"-origins=https://chat.example", open + "CHATTOK_ORIGINS:"},
		{"-origins=*", open + "CHATTOK_ORIGINS:"},
		{"-origins=http://localhost:5173", ""},
		{"-hosts=chat.example", open + "CHATTOK_HOSTS:"},
		{"-hosts=*", open + "CHATTOK_HOSTS:"},
		{"-hosts=localhost,127.0.0.1", ""},
		{"-domain=chat.example -addr=127.0.0.1:0", open + "CHATTOK_DOMAIN:"},
		{"-trusted-proxies=127.0.0.1,::1", open + "CHATTOK_TRUSTED_PROXIES:"},
		{"-hosts=chat.example -trusted-proxies=127.0.0.1", open + "CHATTOK_HOSTS, CHATTOK_TRUSTED_PROXIES:"},
		{"-hosts=chat.example -trusted-proxies=127.0.0.1 -open=false", ""},
		{"-database=postgres://chattok@db/chattok", erasures},
		{"-database=postgres://chattok@db/chattok -erasures=erasures", ""},
	} {
		c, err := config.Parse(strings.Fields(test.arguments))
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := &server{Config: Config{Config: c, Log: slog.New(slog.NewTextHandler(&log, nil)), Banner: io.Discard}, listener: listener}
		s.announce()
		if got := log.String(); !strings.Contains(got, test.warning) || strings.Contains(got, "WARN") != (test.warning != "") || strings.Count(got, "\n") > 1 {
			t.Errorf("%q: got %q, want %q", test.arguments, got, test.warning)
		}
	}
}
