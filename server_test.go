package main

import (
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestUsage holds what the program says to those who call it wrong, or ask.
func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args   string
		code   int
		stdout string // begins with
		stderr string // holds
	}{
		{"--help", 0, "ChatTok passes real-time data", ""},
		{"help", 0, "ChatTok passes real-time data", ""},
		{"serve --help", 0, "ChatTok passes real-time data", ""},
		{"token --help", 0, "Usage: chattok token -session ID", ""},
		{"secret --help", 0, "Usage: chattok secret", ""},
		{"migrate --help", 0, "Usage: chattok migrate", ""},
		{"copy --help", 0, "Usage: chattok copy", ""},
		{"healthcheck --help", 0, "Usage: chattok healthcheck", ""},
		{"--version", 0, "chattok ", ""},
		{"nope", 2, "", `there is no command "nope"`},
		{"-nope", 2, "", "-nope"},
		{"serve extra", 2, "", `unexpected argument "extra"`},
		{"-grace 0s", 2, "", "-grace must be more than 0"},
		{"-max-sockets 0", 2, "", "-max-sockets must be at least 1"},
		{"-max-message-bytes 1", 2, "", "-max-message-bytes must be at least 1024"},
		{"-ping-interval 1ms", 2, "", "-ping-interval must be at least 100ms"},
		{"healthcheck extra", 2, "", `unexpected argument "extra"`},
		{"healthcheck -addr 127.0.0.1:1", 1, "", "the server does not answer"},
		{"-gather 2s", 2, "", "-gather must be 0 to 1s"},
		{"-trusted-proxies proxy.example", 2, "", `-trusted-proxies: "proxy.example" is neither an address nor a network`},
		{"-tls-cert x.pem", 2, "", "-tls-cert and -tls-key need each other"},
		{"-tls-cert x.pem -tls-key y.pem -domain chat.example", 2, "", "-domain gets its certificates itself"},
		{"-http-addr :80", 2, "", "-http-addr sends browsers on to HTTPS, which needs -domain"},
		{"-tls-cert x.pem -tls-key y.pem", 1, "", "-tls-cert and -tls-key: stat x.pem: no such file"},
		{"-turn 127.0.0.1", 2, "", "must be HOST:PORT"},
		{"-turn :3478", 2, "", "a relay IP is needed"},
		{"-turn :3478,turn.example", 2, "", `"turn.example" is no IP address`},
		{"-turn 127.0.0.1:3478 -turn-ports many", 2, "", "-turn-ports must be two ports"},
		{"-turn 127.0.0.1:3478 -turn-ports 2000-1000", 2, "", "relay ports must be 1 to 65535"},
		{"-turn 127.0.0.1:3478 -turn-bandwidth -1", 2, "", "bandwidth of a connection must be at least 1"},
		{"-turn 127.0.0.1:3478 -ice-servers stun:a", 2, "", "-turn and -ice-servers exclude each other"},
		{"-ice-servers http://a", 2, "", `"http://a" is not a stun:`},
		{"-bus http://bus:4222", 2, "", `-bus must begin with nats:// or tls://, but begins with "http"`},
		{"-bus nats://me:se%cret@bus", 2, "", "-bus must be nats://host:port, with special characters of a password as %XX"},
		{"-bus nats://bus/path", 2, "", "-bus must end with the host and port"},
		{"-bus nats://a,nats://", 2, "", "-bus must name a host"},
		{"-bus nats://bus -nats-ca nope.pem", 2, "", "-nats-ca can't be read: open nope.pem"},
		{"-bus nats://bus -nats-ca server_test.go", 2, "", "-nats-ca server_test.go has no certificate in it"},
		{"-bus nats://bus -nats-creds server_test.go", 2, "", "-nats-creds server_test.go is not a user's credentials"},
		{"-bus nats://bus -nats-cert a.pem", 2, "", "-nats-key must be given with its certificate"},
		{"-nats-ca a.pem", 2, "", "-nats-creds, -nats-ca, -nats-cert and -nats-key need a -bus of NATS"},
		{"-log-format xml", 2, "", "-log-format must be text or json"},
		{"token -database x -role PUBLISHER", 2, "", "sessionId must be 1 to 128 bytes"},
		{"token -database x -session a -role KING", 2, "", "role must be SUBSCRIBER, PUBLISHER or MODERATOR"},
		{"secret -database does/not/exist.db", 1, "", "does/not/exist.db"},
		{"-database postgre://me:secret@db/chattok", 1, "", "chattok: database must be a file or begin with postgres://, but begins with \"postgre://\"\n"},
		{"-database sqlite:x.db", 1, "", "chattok: database must be the file's path alone, without \"sqlite:\" before it\n"},
		{"-database postgres:x", 1, "", "chattok: database must be a file or begin with postgres://, but begins with \"postgres:\"; a file of such a name"},
		{"-database me:hunter2@db/chattok", 1, "", "chattok: database must be a file or begin with postgres://, but begins with \"me:\"; a file of such a name"},
		{"-database Server=db;Password=hunter2", 1, "", "this has a password in it, and is neither\n"},
		{"-database //me:hunter2@db/chattok", 1, "", "this has a password in it, and is neither\n"},
		{"-database port=hunter2", 1, "", "chattok: the database's name can't be read"},
		{"token -session a -expires 5", 2, "", "write 5s for seconds"},
		{"-database /proc/nope/x.db", 1, "", "/proc/nope/x.db"},
	} {
		t.Run(c.args, func(t *testing.T) {
			var stdout, stderr strings.Builder
			code := run(t.Context(), strings.Fields(c.args), &stdout, &stderr)
			if strings.Contains(stdout.String()+stderr.String(), "hunter2") {
				t.Errorf("the password is shown: %s %s", stdout.String(), stderr.String())
			}
			if code != c.code || !strings.HasPrefix(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit %d, stdout %.80q, stderr %q", code, stdout.String(), stderr.String())
			}
		})
	}
	t.Setenv(secretVariable, "short")
	var stdout, stderr strings.Builder
	if code := run(t.Context(), nil, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "at least 32 bytes, but is 5") {
		t.Errorf("a short secret: exit %d, %q", code, stderr.String())
	}
}

// TestEverySettingIsExplained: the help and docs/operations.md have every flag, the help each once.
func TestEverySettingIsExplained(t *testing.T) {
	var help strings.Builder
	if err := printHelp(&help); err != nil {
		t.Fatal(err)
	}
	operations, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var c config
	c.flags().VisitAll(func(f *flag.Flag) {
		if n := strings.Count(help.String(), "  "+variable(f.Name)+"\n"); n != 1 {
			t.Errorf("the help has -%s %d times", f.Name, n)
		}
		if !strings.Contains(string(operations), "`"+variable(f.Name)+"`") {
			t.Errorf("docs/operations.md does not explain %s", variable(f.Name))
		}
	})
}

// TestHelpOfCommands: a command's help has what it takes, and none of the server's settings that are nothing to it.
func TestHelpOfCommands(t *testing.T) {
	var all strings.Builder
	if err := printHelp(&all); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		if !strings.Contains(all.String(), "chattok "+c.name) {
			t.Errorf("the help has no %s", c.name)
		}
	}
	var help strings.Builder
	if err := dispatch(t.Context(), []string{"token", "--help"}, &help, io.Discard); err != nil {
		t.Fatal(err)
	}
	var flags []string
	for line := range strings.Lines(help.String()) {
		if flag, ok := strings.CutPrefix(line, "  -"); ok {
			flags = append(flags, strings.Fields(flag)[0])
		}
	}
	if want := []string{"data", "expires", "role", "session", "database"}; !slices.Equal(flags, want) {
		t.Errorf("token --help has the flags %q, want %q:\n%s", flags, want, help.String())
	}
}

// output returns what a command of the binary prints, on the same database.
func output(t *testing.T, b *binary, args ...string) string {
	t.Helper()
	out, err := exec.Command(b.path, append(args, "-database", b.database)...).Output()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// TestServerLife drives the real binary: secret and token work beside it, its probes answer, and SIGTERM ends it with its
// sockets told to come back.
func TestServerLife(t *testing.T) {
	b := &binary{path: buildBinary(t), addr: freeAddr(t), database: filepath.Join(t.TempDir(), "life.db")}
	b.start(t)
	if secret := output(t, b, "secret"); len(secret) < 32 {
		t.Errorf("the secret has %d bytes", len(secret))
	}
	if said := output(t, b, "healthcheck", "-addr", b.addr); said != "ok" {
		t.Errorf("healthcheck says %q", said)
	}
	var data struct {
		Connect struct{ Connection struct{ Role, Data string } }
	}
	err := post(t.Context(), b.addr, `mutation($t:String!){connect(token:$t){connection{role data}}}`,
		map[string]any{"t": output(t, b, "token", "-session", "lobby", "-role", "moderator", "-data", "Ann")}, &data)
	if c := data.Connect.Connection; err != nil || c.Role != "MODERATOR" || c.Data != "Ann" {
		t.Errorf("connect: %+v %v", c, err)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 200, "/playground": 200, "/nope": 404} {
		resp, err := http.Get("http://" + b.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if r, err := http.Post("http://"+b.addr+"/graphql/", "application/json", strings.NewReader(`{"query":"{__typename}"}`)); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("/graphql/: %v, %v", r, err)
	}
	c, _, err := websocket.Dial(ctx, "ws://"+b.addr+"/query", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(ctx, websocket.MessageText, []byte(`{"type":"connection_init"}`)); err != nil {
		t.Fatal(err)
	}
	if _, ack, err := c.Read(ctx); err != nil || string(ack) != `{"type":"connection_ack"}` {
		t.Fatalf("%s %v", ack, err)
	}
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, message, err := c.Read(ctx); websocket.CloseStatus(err) != 1012 {
		t.Errorf("the socket had %q, %v; want a close with 1012", message, err)
	}
	if err := b.process.Wait(); err != nil {
		t.Errorf("the server's end: %v", err)
	}
}

// TestWhoIsAnswered asks the real binary under other names, from other sites and through proxies.
func TestWhoIsAnswered(t *testing.T) {
	b := &binary{path: buildBinary(t), addr: freeAddr(t), database: filepath.Join(t.TempDir(), "hosts.db")}
	t.Setenv("CHATTOK_HOSTS", "office,*.apps.example")
	b.start(t)
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, host string
		header     []string
		want       int
	}{
		{"/graphql?query={__typename}", "", nil, 200},
		{"/graphql?query={__typename}", "192.0.2.7:8080", nil, 200},
		{"/graphql?query={__typename}", "office:8080", nil, 200},
		{"/graphql?query={__typename}", "a.apps.example", nil, 200},
		{"/graphql?query={__typename}", own, nil, 200},
		{"/graphql?query={__typename}", "evil.example", nil, 421},
		{"/", "evil.example", nil, 421},
		{"/sdk/chattok.js", "evil.example", nil, 421},
		{"/healthz", "evil.example", nil, 200},
		{"/readyz", "evil.example", nil, 200},
		{"/graphql?query={__typename}", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"/query?query={__typename}", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"/", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"/s/room", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"/metrics", "", nil, 200},
		{"/metrics", "localhost", nil, 200},
		{"/metrics", "office", nil, 403},
		{"/metrics", "192.0.2.7", nil, 403},
		{"/metrics", "", []string{"X-Forwarded-For", "127.0.0.1"}, 403},
		{"/metrics", "", []string{"Via", "1.1 proxy"}, 403},
		{"/metrics", "evil.example", nil, 421},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.addr+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.host != "" {
			r.Host = c.host
		}
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s as %q with %v: %d, want %d", c.path, c.host, c.header, resp.StatusCode, c.want)
		}
	}
}
