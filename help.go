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

// commands are what the program does, in the order of the help.
var commands = []struct {
	name     string
	takes    string   // its arguments
	does     string   // to be read after the command
	settings []string // flags of the server that it looks at, besides those of its own
}{
	{"serve", "[flags]", "serve, as does chattok without a command", nil},
	{"secret", "[flags]", "print the API secret", []string{"database"}},
	{"token", "-session ID [-role ROLE] [-data TEXT] [-expires 24h] [flags]", "mint a session token", []string{"database"}},
	{"migrate", "[-restored] [flags]", "bring the database's schema up to date", []string{"database", "database-connections", "log-level", "log-format"}},
	{"copy", "[-from DATABASE] -to DATABASE", "carry a database over, such as a file to PostgreSQL", []string{"database", "database-connections", "log-level", "log-format"}},
	{"healthcheck", "[flags]", "say whether the server with these settings is ready", []string{"addr", "domain", "tls-cert", "tls-key"}},
	{"help", "", "print this; chattok COMMAND --help prints what a command takes", nil},
	{"version", "", "print the version", nil},
}

// printUsage prints one line for each command, or two where it takes much.
func printUsage(w io.Writer) {
	const column = 44
	fmt.Fprintln(w, "Usage:")
	for _, c := range commands {
		line := strings.TrimSpace("chattok " + c.name + " " + c.takes)
		if len(line) > column {
			fmt.Fprintf(w, "  %s\n", line)
			line = ""
		}
		fmt.Fprintf(w, "  %-*s  %s\n", column, line, c.does)
	}
}

// printCommandHelp prints what a command does and takes: its own flags, which are those of f that a server does not have, and
// the settings that it looks at.
func printCommandHelp(w io.Writer, name string, f *flag.FlagSet) error {
	var b strings.Builder
	var c config
	server := c.flags()
	for _, command := range commands {
		if command.name != name {
			continue
		}
		fmt.Fprintf(&b, "Usage: %s\n\nIt is to %s.\n\n", strings.TrimSpace("chattok "+name+" "+command.takes), command.does)
		if f != nil {
			f.VisitAll(func(own *flag.Flag) {
				if server.Lookup(own.Name) == nil {
					printFlag(&b, own, "")
				}
			})
		}
		for _, setting := range command.settings {
			printFlag(&b, server.Lookup(setting), variable(setting))
		}
	}
	if name == "secret" || name == "token" {
		fmt.Fprintf(&b, "  %s\n        the secret itself; the database has it where this is not set\n", secretVariable)
	}
	b.WriteString("\nA server's other settings are taken and not looked at, so that both can be called alike; chattok help lists them.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// printFlags prints the flags in their groups, each with the variable that stands for it.
func printFlags(w io.Writer, f *flag.FlagSet) {
	for _, group := range helpGroups {
		fmt.Fprintf(w, "\n%s:\n", group.title)
		for _, name := range group.flags {
			printFlag(w, f.Lookup(name), variable(name))
		}
	}
}

// printFlag prints a flag and, where there is one, the variable that stands for it.
func printFlag(w io.Writer, known *flag.Flag, variable string) {
	argument, text := flag.UnquoteUsage(known)
	if known.DefValue != "" && known.DefValue != "false" {
		text += fmt.Sprintf(" (default %s)", known.DefValue)
	}
	fmt.Fprintln(w, strings.TrimRight("  "+strings.TrimSpace("-"+known.Name+" "+argument)+"  "+variable, " "))
	for _, line := range wrapped(text, helpWidth-8) {
		fmt.Fprintf(w, "        %s\n", line)
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
