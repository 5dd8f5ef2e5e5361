package command

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"chattok/db"
	"chattok/internal/config"
)

// migrate brings the database's schema up to date, and says from which version to which.
func (p Program) migrate(ctx context.Context, args []string) error {
	var c config.Config
	f := c.Flags()
	restored := f.Bool("restored", false, "the database was put back from a snapshot of its disk: refuse every cursor from before")
	err := config.ParseWith(f, &c, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "migrate", f)
	}
	if err != nil {
		return config.AsUsage(err)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q", config.ErrUsage, f.Arg(0))
	}
	m, err := db.Migrate(ctx, c.DatabaseConfig(c.Logger(p.Stderr)), *restored)
	if err != nil {
		return err
	}
	name := db.DisplayName(c.Database)
	switch {
	case m.From == 0:
		fmt.Fprintf(p.Stdout, "database %s was empty; it has schema version %d now\n", name, m.To)
	case m.From < m.To:
		fmt.Fprintf(p.Stdout, "database %s was brought from schema version %d to %d\n", name, m.From, m.To)
	default:
		fmt.Fprintf(p.Stdout, "database %s is up to date at schema version %d\n", name, m.To)
	}
	if *restored {
		fmt.Fprintln(p.Stdout, "its sessions have new epochs: cursors from before are refused")
	}
	return nil
}
