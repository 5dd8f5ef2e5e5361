package config

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// helpWidth is the greatest length of a line of the help.
const helpWidth = 100

// helpGroups order the flags by subject. A test checks that each flag is in one group.
var helpGroups = []struct {
	title string
	flags []string
}{
	{"Serving", []string{"addr", "open", "hosts", "origins", "introspection", "rails-routes", "api-key", "token-keys", "token-issuer", "grace", "idle"}},
	{"Database and nodes", []string{"database", "database-connections", "erasures", "bus", "nats-creds", "nats-ca", "nats-cert", "nats-key", "group-limit"}},
	{"Telling a backend", []string{"webhook", "webhook-events", "webhook-private"}},
	{"HTTPS", []string{"domain", "tls-cert", "tls-key", "http-addr", "acme-email", "acme-dir", "acme-directory"}},
	{"Your backend", []string{"before-post", "before-post-failure"}},
	{"Video", []string{"ice-servers", "turn", "turn-ports", "turn-allocations", "turn-bandwidth", "turn-allow-private"}},
	{"What clients may hold open", []string{"max-sockets", "max-sockets-per-address", "max-sockets-per-connection", "max-tcp-connections",
		"max-tcp-connections-per-address", "trusted-proxies",
		"max-uninitialised", "init-timeout", "max-operations", "max-selections", "max-requests", "max-requests-per-address", "max-message-bytes", "ping-interval", "keep-alive", "write-timeout", "gather", "memory"}},
	{"What one client may do", []string{"rate-posts", "rate-post-bytes", "rate-signals", "rate-negotiations", "rate-message-bytes", "rate-roster-changes",
		"rate-subscriptions", "rate-processor", "rate-frames", "rate-connects", "rate-address", "max-session-bytes",
		"max-connections-per-session", "max-connections-per-token", "max-connections-per-address", "max-stay", "edit-window"}},
	{"How long it is kept", []string{"retention"}},
	{"The pages", []string{"frame-ancestors", "theme", "admin"}},
	{"Watching it", []string{"log-level", "log-format", "metrics-addr"}},
}

// PrintFlags prints the flags in their groups, each with its environment variable.
func PrintFlags(w io.Writer, f *flag.FlagSet) {
	for _, group := range helpGroups {
		fmt.Fprintf(w, "\n%s:\n", group.title)
		for _, name := range group.flags {
			PrintFlag(w, f.Lookup(name), Variable(name))
		}
	}
}

// PrintFlag prints a flag and its environment variable, which is empty for a flag that has none.
func PrintFlag(w io.Writer, known *flag.Flag, variable string) {
	argument, text := flag.UnquoteUsage(known)
	if known.DefValue != "" && known.DefValue != "false" {
		text += fmt.Sprintf(" (default %s)", known.DefValue)
	}
	fmt.Fprintln(w, strings.TrimRight("  "+strings.TrimSpace("-"+known.Name+" "+argument)+"  "+variable, " "))
	for _, line := range wrapped(text, helpWidth-8) {
		fmt.Fprintf(w, "        %s\n", line)
	}
}

// Variable returns the environment variable of a flag.
func Variable(name string) string {
	return "CHATTOK_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// wrapped breaks a text at its spaces into lines of at most width bytes.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
