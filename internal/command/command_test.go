package command

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chattok/db"
	"chattok/internal/config"
)

// run runs a command and returns its exit code and its output.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Program{Version: "0", Stdout: &out, Stderr: &err}.Run(t.Context(), args)
	return code, out.String(), err.String()
}

// TestUsage: wrong usage and questions are answered with the right exit code and text, and never with a password.
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
		{"export --help", 0, "Usage: chattok export [-session ID]", ""},
		{"import --help", 0, "Usage: chattok import [flags] FILE", ""},
		{"sessions --help", 0, "Usage: chattok sessions [-prefix TEXT]", ""},
		{"tail --help", 0, "Usage: chattok tail -session ID", ""},
		{"post --help", 0, "Usage: chattok post -session ID", ""},
		{"who --help", 0, "Usage: chattok who -session ID", ""},
		{"kick --help", 0, "Usage: chattok kick -session ID", ""},
		{"--version", 0, "chattok ", ""},
		{"nope", 2, "", `there is no command "nope"`},
		{"-nope", 2, "", "-nope"},
		{"serve extra", 2, "", `unexpected argument "extra"`},
		{"-grace 0s", 2, "", "-grace must be more than 0"},
		{"-max-sockets 0", 2, "", "-max-sockets must be at least 1"},
		{"-max-message-bytes 1", 2, "", "-max-message-bytes must be at least 1024"},
		{"-ping-interval 1ms", 2, "", "-ping-interval must be at least 100ms"},
		{"-keep-alive 31s", 2, "", "-keep-alive must be at most 30s"},
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
		{"-bus nats://bus -nats-ca command_test.go", 2, "", "-nats-ca command_test.go has no certificate in it"},
		{"-bus nats://bus -nats-creds command_test.go", 2, "", "-nats-creds command_test.go is not a user's credentials"},
		{"-bus nats://bus -nats-cert a.pem", 2, "", "-nats-key must be given with its certificate"},
		{"-nats-ca a.pem", 2, "", "-nats-creds, -nats-ca, -nats-cert and -nats-key need a -bus of NATS"},
		{"-webhook https://example.com/", 2, "", "-webhook needs CHATTOK_WEBHOOK_SECRET"},
		{"-webhook ftp://example.com/", 2, "", "-webhook must begin with https://"},
		{"-webhook-events ENTRY_ADDED", 2, "", "-webhook-events need -webhook"},
		{"-token-keys http://id.example/keys -token-issuer a", 2, "", "-token-keys must be a file, or a URL that begins with https://"},
		{"-token-keys https://id.example/keys", 2, "", "-token-keys with an address needs -token-issuer"},
		{"-token-keys https://me:hunter2@id.example/keys -token-issuer a", 2, "", "-token-keys must have no user and no password"},
		{"-token-issuer https://id.example", 2, "", "-token-issuer is of the tokens under -token-keys, which is not set"},
		{"-log-format xml", 2, "", "-log-format must be text or json"},
		{"token -database x -role PUBLISHER", 2, "", "-session must name a session"},
		{"token -database x -session a -role KING", 2, "", "role must be SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR"},
		{"secret -database does/not/exist.db", 1, "", "database does/not/exist.db does not exist; the server makes it on its first start; where it is in another folder, name it by -database or CHATTOK_DATABASE\n"},
		{"token -session a -database does/not/exist.db", 1, "", "name it by -database or CHATTOK_DATABASE\n"},
		{"-domain https://chat.example.com", 2, "", "-domain (CHATTOK_DOMAIN): \"https://chat.example.com\" is not a domain, such as chat.example.com\n"},
		{"-domain *.example.com", 2, "", "-domain (CHATTOK_DOMAIN): \"*.example.com\" is not a domain"},
		{"-hosts https://chat.example.com", 2, "", "-hosts (CHATTOK_HOSTS): \"https://chat.example.com\" is not a host's name"},
		{"-origins chat.example.com", 2, "", "-origins (CHATTOK_ORIGINS): \"chat.example.com\" is not an origin"},
		{"-open=no", 2, "", "it must be true or false"},
		{"-database postgre://me:secret@db/chattok", 1, "", "chattok: database must be a file or begin with postgres://, but begins with \"postgre://\"\n"},
		{"-database sqlite:x.db", 1, "", "chattok: database must be the file's path alone, without \"sqlite:\" before it\n"},
		{"-database postgres:x", 1, "", "chattok: database must be a file or begin with postgres://, but begins with \"postgres:\"; a file of such a name"},
		{"-database me:hunter2@db/chattok", 1, "", "chattok: database must be a file or begin with postgres://, but begins with \"me:\"; a file of such a name"},
		{"-database Server=db;Password=hunter2", 1, "", "this has a password in it, and is neither\n"},
		{"-database //me:hunter2@db/chattok", 1, "", "this has a password in it, and is neither\n"},
		{"-database port=hunter2", 1, "", "chattok: the database's name can't be read"},
		{"-before-post https://example.com", 2, "", "-before-post needs a secret in CHATTOK_BEFORE_POST_SECRET"},
		{"-before-post-failure maybe", 2, "", "-before-post-failure must be refuse or allow"},
		{"token -session a -expires 5", 2, "", "write 5s for seconds"},
		{"-database /proc/nope/x.db", 1, "", "/proc/nope/x.db"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(c.args)...)
			if strings.Contains(stdout+stderr, "hunter2") {
				t.Errorf("the password is shown: %s %s", stdout, stderr)
			}
			if code != c.code || !strings.HasPrefix(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit %d, stdout %.80q, stderr %q", code, stdout, stderr)
			}
		})
	}
	t.Setenv(config.SecretVariable, "short")
	if code, _, stderr := run(t); code != 1 || !strings.Contains(stderr, "at least 32 bytes, but is 5") {
		t.Errorf("a short secret: exit %d, %q", code, stderr)
	}
}

// TestBeforePostSettings: the URL and the secret of a backend that is asked before a post are checked, and the secret is not shown.
func TestBeforePostSettings(t *testing.T) {
	const good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for _, c := range []struct{ url, secret, want string }{
		{"http://example.com", good, "-before-post must begin with https:// unless its host is localhost or another loopback address"},
		{"example.com", good, "-before-post must be a URL such as https://example.com/before-post"},
		{"https://example.com", "hunter2hunter2", "CHATTOK_BEFORE_POST_SECRET: a secret must begin with \"whsec_\""},
		{"https://example.com", "whsec_hunter2!", "CHATTOK_BEFORE_POST_SECRET: a secret must be base64 after \"whsec_\""},
		{"https://example.com", good + ",whsec_aHVudGVyMg==", "CHATTOK_BEFORE_POST_SECRET: a secret must hold 24 to 64 bytes, but holds 7"},
		{"", good, "CHATTOK_BEFORE_POST_SECRET needs -before-post"},
	} {
		t.Setenv("CHATTOK_BEFORE_POST", c.url)
		t.Setenv(config.BeforePostSecretVariable, c.secret)
		code, _, stderr := run(t)
		if code != 2 || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: exit %d, %q, want %q", c.url, code, stderr, c.want)
		}
	}
}

// TestHelpOfCommands: a command's help has its own flags and the settings that it uses, and no others.
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
	if err := (Program{Stdout: &help, Stderr: io.Discard}).dispatch(t.Context(), []string{"token", "--help"}); err != nil {
		t.Fatal(err)
	}
	var flags []string
	for line := range strings.Lines(help.String()) {
		if flag, ok := strings.CutPrefix(line, "  -"); ok {
			flags = append(flags, strings.Fields(flag)[0])
		}
	}
	if want := []string{"data", "expires", "role", "session", "user", "database"}; !slices.Equal(flags, want) {
		t.Errorf("token --help has the flags %q, want %q:\n%s", flags, want, help.String())
	}
}

// TestHelpOfRemoteCommands: the commands that use the API say where their secret comes from, their exit codes, and an example.
func TestHelpOfRemoteCommands(t *testing.T) {
	for _, name := range []string{"sessions", "tail", "post", "who", "kick", "export"} {
		_, help, _ := run(t, name, "--help")
		for _, part := range []string{config.SecretVariable, "  -secret-file file", "  -url address", "Exit codes: 0; 1 for a failure", "For example:\n  ", "chattok " + name} {
			if !strings.Contains(help, part) {
				t.Errorf("%s --help lacks %q:\n%s", name, part, help)
			}
		}
		if strings.Contains(help, "-api-secret") {
			t.Errorf("%s --help has the secret as a flag", name)
		}
	}
}

// TestSplitArgs: flags may stand before and after the other arguments.
func TestSplitArgs(t *testing.T) {
	var r remote
	f := r.flags("lines")
	for args, want := range map[string][2]string{
		"a -url x b":            {"-url x", "a b"},
		"-json a":               {"-json", "a"},
		"a --json=false -url=x": {"--json=false -url=x", "a"},
		"-url":                  {"-url", ""},
		"-unknown a":            {"-unknown", "a"},
		"-json -- -url x":       {"-json", "-url x"},
		"- -json":               {"-json", "-"},
	} {
		flags, others := splitArgs(f, strings.Fields(args))
		if got := [2]string{strings.Join(flags, " "), strings.Join(others, " ")}; got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

func TestMigrateCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for i, want := range []string{"was empty; it has schema version", "is up to date at schema version", "new epochs"} {
		args := []string{"migrate", "-database", path}
		if i == 2 {
			args = append(args, "-restored")
		}
		code, stdout, stderr := run(t, args...)
		if code != 0 || !strings.Contains(stdout, want) || !strings.Contains(stdout, path) {
			t.Errorf("run %d: %d, %q, %q; want %q", i, code, stdout, stderr, want)
		}
	}
	if code, _, stderr := run(t, "migrate", "-database", path, "extra"); code != 2 || !strings.Contains(stderr, `unexpected argument "extra"`) {
		t.Errorf("an argument too many: %d, %q", code, stderr)
	}
}

func TestCopyCommand(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.db"), filepath.Join(dir, "to.db")
	if code, _, stderr := run(t, "copy", "-from", from, "-to", to); code != 1 || !strings.Contains(stderr, from+" does not exist") {
		t.Errorf("no source: %d, %q", code, stderr)
	}
	if code, _, stderr := run(t, "copy", "-from", from); code != 2 || !strings.Contains(stderr, "-to must name a database") {
		t.Errorf("no target: %d, %q", code, stderr)
	}
	if code, _, stderr := run(t, "migrate", "-database", from); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr := run(t, "copy", "-database", from, "-to", to)
	if code != 0 || !strings.Contains(stdout, "the same on both sides") || !strings.Contains(stdout, "sessions                 1 rows  sha256 ") {
		t.Errorf("copied: %d, %q, %q", code, stdout, stderr)
	}
	_, one, _ := run(t, "secret", "-database", from)
	_, other, _ := run(t, "secret", "-database", to)
	if one != other || one == "" {
		t.Error("the copy has another secret")
	}
}

func TestCopyMeter(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	m := &copyMeter{out: &out, now: func() time.Time { return now }}
	for _, step := range []struct {
		after time.Duration
		p     db.CopyProgress
	}{
		{0, db.CopyProgress{Table: "entries", Rows: 1000, Total: 11000, Began: 1000}},
		{time.Second, db.CopyProgress{Table: "entries", Rows: 2000, Total: 11000}}, // too soon for a line
		{time.Second, db.CopyProgress{Table: "entries", Rows: 5000, Total: 11000}},
		{time.Minute, db.CopyProgress{Checking: true, Table: "sessions", Total: 11000}},
		{4 * time.Second, db.CopyProgress{Checking: true, Table: "sessions", Total: 11000}},
	} {
		now = now.Add(step.after)
		m.show(step.p)
	}
	const want = "copying 11000 rows, of which 1000 are there\n" +
		"copied 5000 of 11000 rows (45 %), 2000 a second, 3s left, in entries\n" +
		"comparing 11000 rows\n" +
		"compared 0 of 11000 rows (0 %), 0 a second, ? left, in sessions\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestSecretInForce: secret and token print nothing that the server would refuse, and token warns where a token is worth little.
func TestSecretInForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if code, _, stderr := run(t, "migrate", "-database", path); code != 0 {
		t.Fatal(stderr)
	}
	note := func(secret string) (own string) {
		t.Helper()
		store, err := db.Open(t.Context(), db.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		made, err := store.Secret(t.Context())
		if secret == "" {
			secret = string(made)
		}
		if err := errors.Join(err, store.NoteSecret(t.Context(), []byte(secret)), store.Close()); err != nil {
			t.Fatal(err)
		}
		return string(made)
	}
	const other = "another secret, of 32 bytes at least"
	check := func(what, wantOut, wantErr string, wantCode int, args ...string) {
		t.Helper()
		code, stdout, stderr := run(t, append(args, "-database", path)...)
		if code != wantCode || wantOut != "" && stdout != wantOut+"\n" || !strings.Contains(stderr, wantErr) || wantErr == "" && stderr != "" {
			t.Errorf("%s: %d, %q, %q; want %d, %q, %q", what, code, stdout, stderr, wantCode, wantOut, wantErr)
		}
	}
	own := note("")
	check("the database's own", own, "", 0, "secret")
	check("unknown", "", `no session "s" yet`, 0, "token", "-session", "s")
	check("open", "", `"lobby" was made on first use`, 0, "token", "-session", "lobby")
	note(other)
	check("another in force", "", "was started with another secret than the database's own", 1, "secret")
	check("another in force", "", "was started with another secret than the database's own", 1, "token", "-session", "s")
	t.Setenv(config.SecretVariable, other)
	check("that one", other, "", 0, "secret")
	check("that one", "", `no session "s" yet`, 0, "token", "-session", "s")
	t.Setenv(config.SecretVariable, other+" still")
	check("a third", other+" still", "another secret than CHATTOK_API_SECRET is here", 0, "secret")
	path = filepath.Join(t.TempDir(), "none.db")
	check("no database", other+" still", "", 0, "secret")
}

// TestTokenRole: a role must be given as a flag.
func TestTokenRole(t *testing.T) {
	for _, args := range [][]string{{"token", "-session", "s", "MODERATOR"}, {"token", "-session", "s", "-role", "SUBSCRIBER", "x"}} {
		code, stdout, stderr := run(t, args...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "unexpected argument") || !strings.Contains(stderr, "-role MODERATOR") {
			t.Errorf("%v: %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// TestMisspeltSetting: the log names a variable that looks like a setting and is none, and the setting that may be meant.
func TestMisspeltSetting(t *testing.T) {
	t.Setenv("CHATTOK_"+"OPNE", "false") // in two parts, for a test that looks for variables
	if _, _, stderr := run(t, "-database", "/proc/nope/x.db"); !strings.Contains(stderr, "it has no effect") || !strings.Contains(stderr, "variable=CHATTOK_"+"OPNE meant=CHATTOK_OPEN") {
		t.Errorf("the log is %q", stderr)
	}
	if _, _, stderr := run(t, "secret", "-database", "x.db"); strings.Contains(stderr, "OPNE") {
		t.Errorf("a command warns: %q", stderr)
	}
}
