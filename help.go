package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// helpWidth is how wide the text of a flag becomes.
const helpWidth = 100

// helpGroups are the flags by what they are about. A test holds that each is in one.
var helpGroups = []struct {
	title string
	flags []string
}{
	{"Serving", []string{"addr", "open", "hosts", "origins", "introspection", "grace", "idle"}},
	{"Database and nodes", []string{"database", "database-connections", "bus", "nats-creds", "nats-ca", "nats-cert", "nats-key", "group-limit"}},
	{"HTTPS", []string{"domain", "tls-cert", "tls-key", "http-addr", "acme-email", "acme-dir", "acme-directory"}},
	{"Video", []string{"ice-servers", "turn", "turn-ports", "turn-allocations", "turn-bandwidth", "turn-allow-private"}},
	{"What clients may hold open", []string{"max-sockets", "max-sockets-per-address", "max-sockets-per-connection", "max-tcp-connections",
		"max-tcp-connections-per-address", "trusted-proxies",
		"max-uninitialised", "init-timeout", "max-operations", "max-selections", "max-requests", "max-requests-per-address", "max-message-bytes", "ping-interval", "keep-alive", "write-timeout", "gather", "memory"}},
	{"What one client may do", []string{"rate-posts", "rate-post-bytes", "rate-signals", "rate-negotiations", "rate-message-bytes", "rate-roster-changes",
		"rate-subscriptions", "rate-processor", "rate-frames", "rate-connects", "rate-address", "max-session-bytes",
		"max-connections-per-session", "max-connections-per-token", "max-connections-per-address", "max-stay"}},
	{"The page", []string{"frame-ancestors", "theme"}},
	{"Watching it", []string{"log-level", "log-format", "metrics-addr"}},
}

// printFlags prints the flags in their groups, each with the variable that stands for it.
func printFlags(w io.Writer, f *flag.FlagSet) {
	for _, group := range helpGroups {
		fmt.Fprintf(w, "\n%s:\n", group.title)
		for _, name := range group.flags {
			known := f.Lookup(name)
			argument, text := flag.UnquoteUsage(known)
			if known.DefValue != "" && known.DefValue != "false" {
				text += fmt.Sprintf(" (default %s)", known.DefValue)
			}
			fmt.Fprintf(w, "  %s  %s\n", strings.TrimSpace("-"+name+" "+argument), variable(name))
			for _, line := range wrapped(text, helpWidth-8) {
				fmt.Fprintf(w, "        %s\n", line)
			}
		}
	}
}

// variable returns the environment variable that stands for a flag.
func variable(name string) string {
	return "CHATTOK_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// wrapped breaks a text into lines of at most width letters, at its spaces.
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
