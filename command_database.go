package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"chattok/db"
)

// migrateCommand brings the database's schema up to date, and says what it did.
func migrateCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c config
	f := c.flags()
	restored := f.Bool("restored", false, "the database was put back from a snapshot of its disk: refuse every cursor from before")
	err := parseInto(f, &c, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(stdout, "migrate", f)
	}
	if err != nil {
		return usage(err)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, f.Arg(0))
	}
	m, err := db.Migrate(ctx, c.databaseConfig(c.logger(stderr)), *restored)
	if err != nil {
		return err
	}
	name := db.DisplayName(c.database)
	switch {
	case m.From == 0:
		fmt.Fprintf(stdout, "database %s was empty; it has schema version %d now\n", name, m.To)
	case m.From < m.To:
		fmt.Fprintf(stdout, "database %s was brought from schema version %d to %d\n", name, m.From, m.To)
	default:
		fmt.Fprintf(stdout, "database %s is up to date at schema version %d\n", name, m.To)
	}
	if *restored {
		fmt.Fprintln(stdout, "its sessions have new epochs: cursors from before are refused")
	}
	return nil
}

func (c config) databaseConfig(log *slog.Logger) db.Config {
	return db.Config{Path: c.database, Connections: c.connections, Logger: log}
}

// copyCommand carries a database over to another one.
func copyCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c config
	f := c.flags()
	from := f.String("from", "", "`database` to copy, a file or a PostgreSQL URL; -database where it is not set")
	to := f.String("to", "", "`database` to copy to, empty or an unfinished copy of the same")
	err := parseInto(f, &c, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(stdout, "copy", f)
	}
	if err != nil {
		return usage(err)
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("%w: unexpected argument %q", errUsage, f.Arg(0))
	case *to == "":
		return fmt.Errorf("%w: -to must name a database", errUsage)
	case *from == "":
		*from = c.database
	}
	log := c.logger(stderr)
	begun := time.Now()
	meter := &copyMeter{out: stderr, now: time.Now}
	report, err := db.Copy(ctx, db.CopyConfig{From: db.Config{Path: *from, Logger: log}, To: db.Config{Path: *to, Logger: log},
		Progress: meter.show})
	if err != nil {
		return err
	}
	if report.Restarted {
		fmt.Fprintln(stdout, "the source had changed since the interrupted copy: it was begun again")
	}
	if report.Resumed {
		fmt.Fprintln(stdout, "the interrupted copy was taken up where it was")
	}
	fmt.Fprintf(stdout, "copied %s to %s in %v; the same on both sides:\n", db.DisplayName(*from), db.DisplayName(*to),
		time.Since(begun).Round(100*time.Millisecond))
	for _, t := range report.Tables {
		fmt.Fprintf(stdout, "  %-16s%10d rows  sha256 %s\n", t.Name, t.Rows, t.Hash)
	}
	return nil
}

// meterInterval is how often a copy says how far it is.
const meterInterval = 2 * time.Second

// copyMeter writes how far a copy is, how fast, and how long it will take.
type copyMeter struct {
	out      io.Writer
	now      func() time.Time
	checking bool
	since    time.Time // when this phase began; zero before the first
	begun    int64     // with so many rows
	shown    time.Time
}

func (m *copyMeter) show(p db.CopyProgress) {
	now := m.now()
	if m.since.IsZero() || m.checking != p.Checking {
		m.checking, m.since, m.begun, m.shown = p.Checking, now, p.Rows, now
		if p.Checking {
			fmt.Fprintf(m.out, "comparing %d rows\n", p.Total)
		} else {
			fmt.Fprintf(m.out, "copying %d rows, of which %d are there\n", p.Total, p.Rows)
		}
		return
	}
	if now.Sub(m.shown) < meterInterval {
		return
	}
	m.shown = now
	rate := float64(p.Rows-m.begun) / now.Sub(m.since).Seconds()
	left := "?"
	if rate > 0 {
		left = time.Duration(float64(p.Total-p.Rows) / rate * float64(time.Second)).Round(time.Second).String()
	}
	what := "copied"
	if p.Checking {
		what = "compared"
	}
	percent := 100 * float64(p.Rows) / float64(max(1, p.Total))
	fmt.Fprintf(m.out, "%s %d of %d rows (%.0f %%), %.0f a second, %s left, in %s\n", what, p.Rows, p.Total, percent, rate, left, p.Table)
}
