package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"chattok/db"
	"chattok/internal/config"
)

// importFile puts an export into an empty database.
func (p Program) importFile(ctx context.Context, args []string) error {
	var r remote
	f := r.Config.Flags()
	others, err := r.parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "import", f)
	}
	switch {
	case err != nil:
		return err
	case len(others) == 0:
		return fmt.Errorf("%w: name the file to import, or - for the standard input", config.ErrUsage)
	case len(others) > 1:
		return fmt.Errorf("%w: unexpected argument %q", config.ErrUsage, others[1])
	}
	from := io.Reader(os.Stdin)
	if name := others[0]; name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		from = file
	}
	begun := time.Now()
	meter := &entryMeter{out: p.Stderr, does: "imported", show: isTerminal(p.Stderr), now: time.Now}
	report, err := db.Import(ctx, db.ImportConfig{To: r.DatabaseConfig(r.Logger(p.Stderr)), From: newStoppable(ctx, from),
		Progress: func(report db.ImportReport) { meter.at(report.Entries) }})
	meter.end()
	if err != nil {
		if ctx.Err() != nil {
			return exit{code: exitInterrupted}
		}
		return err
	}
	fmt.Fprintf(p.Stdout, "imported %d sessions with %d entries into %s in %v; start the server with the old one's %s, so that tokens stay valid\n",
		report.Sessions, report.Entries, db.DisplayName(r.Database), time.Since(begun).Round(100*time.Millisecond), config.SecretVariable)
	return nil
}
