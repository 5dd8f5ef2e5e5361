// Package command is the program's commands: each reads its arguments, does one thing, and says what came of it.
//
// Reading order: command.go serve.go export.go import.go sessions.go tail.go post.go who.go kick.go stdin.go remote.go token.go secret.go migrate.go
// copy.go healthcheck.go help.go version.go.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"chattok/internal/config"
)

// Program is the program as its commands know it.
type Program struct {
	Version        string
	Stdout, Stderr io.Writer
}

// Run runs the command that args name, which are without the program's own name, and returns the exit code: 0, 1 for a
// failure, 2 for wrong usage, and those of remote.go.
func (p Program) Run(ctx context.Context, args []string) int {
	err := p.dispatch(ctx, args)
	var own exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &own):
		if own.err != nil {
			fmt.Fprintf(p.Stderr, "chattok: %v\n", own.err)
		}
		return own.code
	case errors.Is(err, config.ErrUsage):
		fmt.Fprintf(p.Stderr, "chattok: %v\nRun 'chattok --help' for usage.\n", err)
		return 2
	default:
		fmt.Fprintf(p.Stderr, "chattok: %v\n", err)
		return 1
	}
}

func (p Program) dispatch(ctx context.Context, args []string) error {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "", "serve":
		return p.serve(ctx, args)
	case "secret":
		return p.secret(ctx, args)
	case "token":
		return p.token(ctx, args)
	case "migrate":
		return p.migrate(ctx, args)
	case "copy":
		return p.copy(ctx, args)
	case "export":
		return p.export(ctx, args)
	case "import":
		return p.importFile(ctx, args)
	case "sessions":
		return p.sessions(ctx, args)
	case "tail":
		return p.tail(ctx, args)
	case "post":
		return p.post(ctx, args)
	case "who":
		return p.who(ctx, args)
	case "kick":
		return p.kick(ctx, args)
	case "healthcheck":
		return p.healthcheck(ctx, args)
	case "help":
		return printHelp(p.Stdout)
	case "version":
		return p.printVersion()
	}
	return fmt.Errorf("%w: there is no command %q", config.ErrUsage, command)
}
