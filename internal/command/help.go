package command

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"chattok/internal/config"
	"chattok/token"
)

// commands describes the commands, in the order of the help.
var commands = []struct {
	name     string
	takes    string   // its arguments
	does     string   // in a line, as an imperative
	settings []string // flags of the server that it uses, besides its own
	example  string
}{
	{"serve", "[flags]", "serve, as does chattok without a command", nil, ""},
	{"secret", "[flags]", "print the API secret", []string{"database"}, ""},
	{"token", "-session ID [-role ROLE] [-data TEXT] [-user ID] [-expires 24h] [flags]", "mint a session token", []string{"database"}, ""},
	{"sessions", "[-prefix TEXT] [-user ID] [-order created] [-n NUMBER] [-json] [flags]", "list the sessions of a server", remoteSettings,
		"chattok sessions -json | jq -r 'select(.connectionCount == 0) | .id'"},
	{"tail", "-session ID [-n 10] [-after CURSOR] [-json] [flags]", "print a session's entries as they come", remoteSettings,
		"chattok tail -session support -json | jq -r 'select(.event == \"added\") | .entry.body'"},
	{"post", "-session ID [-as NAME | -user ID] [-lines] [-json] [flags] [TEXT]", "add an entry, of TEXT or of the standard input, and print its id, for -reply-to and the API", remoteSettings,
		"journalctl -f -u backup | chattok post -session ops -as backup -lines"},
	{"who", "-session ID [-search TEXT] [-json] [flags]", "list the connections that are in a session", remoteSettings,
		"chattok who -session support -url https://chat.example -secret-file /etc/chattok/secret"},
	{"kick", "-session ID [-ban TIME] [-json] [flags] CONNECTION…", "end connections, and with -ban keep their people out", remoteSettings,
		"chattok who -session support -search mallory -json | jq -r .id | xargs chattok kick -session support -ban 1d"},
	{"export", "[-session ID] [-out FILE] [-html] [flags]", "write a session, or the whole database, as lines of JSON or as a page", remoteSettings,
		"chattok export -url https://chat.example -out chat.jsonl"},
	{"import", "[flags] FILE", "put an export into an empty database", append([]string{"erasures"}, databaseSettings...),
		"chattok import -database postgres://chattok@db/chattok chat.jsonl"},
	{"migrate", "[-restored] [flags]", "bring the database's schema up to date", databaseSettings, ""},
	{"copy", "[-from DATABASE] -to DATABASE", "carry a database over, such as a file to PostgreSQL", []string{"database", "log-level", "log-format"}, ""},
	{"healthcheck", "[flags]", "say whether the server with these settings is ready", []string{"addr", "domain", "tls-cert", "tls-key"}, ""},
	{"help", "", "print this; chattok COMMAND --help prints what a command takes", nil, ""},
	{"version", "", "print the version", nil, ""},
}

var (
	databaseSettings = []string{"database", "database-connections", "log-level", "log-format"}
	// remoteSettings are those by which the commands find the server on this machine, and its secret.
	remoteSettings = []string{"addr", "domain", "tls-cert", "database"}
)

// printUsage prints one line for each command, or two where its arguments are long.
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

// printCommandHelp explains a command: what it does, its own flags, which are those of f that the server lacks, and the settings
// of the server that it uses. f is nil for a command without flags of its own.
func printCommandHelp(w io.Writer, name string, f *flag.FlagSet) error {
	var b strings.Builder
	var c config.Config
	server := c.Flags()
	for _, command := range commands {
		if command.name != name {
			continue
		}
		fmt.Fprintf(&b, "Usage: %s\n\n%s%s.\n\n", strings.TrimSpace("chattok "+name+" "+command.takes),
			strings.ToUpper(command.does[:1]), command.does[1:])
		if f != nil {
			f.VisitAll(func(own *flag.Flag) {
				if server.Lookup(own.Name) == nil {
					variable := ""
					if own.Name == "url" || own.Name == "secret-file" {
						variable = config.Variable(own.Name)
					}
					config.PrintFlag(&b, own, variable)
				}
			})
		}
		for _, setting := range command.settings {
			config.PrintFlag(&b, server.Lookup(setting), config.Variable(setting))
		}
	}
	remote := f != nil && f.Lookup("secret-file") != nil
	if name == "secret" || name == "token" || remote {
		fmt.Fprintf(&b, "  %s\n        the secret itself; where it is not set, the database has it\n", config.SecretVariable)
	}
	if remote {
		b.WriteString(exitCodes)
	}
	for _, command := range commands {
		if command.name == name && command.example != "" {
			fmt.Fprintf(&b, "\nFor example:\n  %s\n", command.example)
		}
	}
	b.WriteString("\nThe server's other settings are accepted and ignored, so that the server and this command can share their settings;\nchattok help lists them.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// exitCodes explains those of the commands that use the API.
const exitCodes = `
Exit codes: 0; 1 for a failure; 2 for wrong usage; 3 where the server does not answer or has no time; 4 where the API secret is
refused; 5 where there is no such session, connection or entry; 130 where it was interrupted before it was done.
`

// printHelp explains the commands and every setting.
func printHelp(w io.Writer) error {
	var c config.Config
	var b strings.Builder
	b.WriteString("ChatTok passes real-time data between the people in a session.\n\n")
	printUsage(&b)
	b.WriteString("\nEach flag, with its environment variable:\n")
	config.PrintFlags(&b, c.Flags())
	fmt.Fprintf(&b, `
%s, which has no flag, is the secret that signs tokens, of %d bytes at least.
Where it is not set, the first start makes one and keeps it in the database.
%s names further ones, separated by commas, that still count: tokens
of a secret that was replaced go on, while new ones are signed with %s.
`, config.SecretVariable, token.MinSecretBytes, config.OldSecretVariable, config.SecretVariable)
	_, err := io.WriteString(w, b.String())
	return err
}
