package command

import (
	"context"
	"errors"
	"os"

	"chattok/internal/config"
	"chattok/internal/server"
)

// serve serves until ctx is done. When the database was replaced under the server, it starts again.
func (p Program) serve(ctx context.Context, args []string) error {
	for _, arg := range args {
		switch arg {
		case "--version", "-version":
			return p.printVersion()
		case "--help", "-help", "-h":
			return printHelp(p.Stdout)
		}
	}
	c, err := config.Parse(args)
	if err != nil {
		return err
	}
	log := c.Logger(p.Stderr)
	for _, unknown := range config.UnknownVariables(os.Environ()) {
		attributes := []any{"variable", unknown.Name}
		if unknown.Nearest != "" {
			attributes = append(attributes, "meant", unknown.Nearest)
		}
		log.Warn("an environment variable looks like a setting and is none: it has no effect; chattok --help lists the settings", attributes...)
	}
	for {
		err := server.Run(ctx, server.Config{Config: c, Version: p.Version, Log: log, Banner: p.Stdout})
		if !errors.Is(err, server.ErrReplaced) {
			return err
		}
		if ctx.Err() != nil {
			return nil // the server was to stop in any case
		}
	}
}
