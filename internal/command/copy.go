package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"chattok/db"
	"chattok/internal/config"
)

// copy copies a database to another one, and compares them.
func (p Program) copy(ctx context.Context, args []string) error {
	var c config.Config
	f := c.Flags()
	from := f.String("from", "", "`database` to copy, a file or a PostgreSQL URL; -database where it is not set")
	to := f.String("to", "", "`database` to copy to, empty or an unfinished copy of the same")
	err := config.ParseWith(f, &c, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "copy", f)
	}
	if err != nil {
		return config.AsUsage(err)
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("%w: unexpected argument %q", config.ErrUsage, f.Arg(0))
	case *to == "":
		return fmt.Errorf("%w: -to must name a database", config.ErrUsage)
	case *from == "":
		*from = c.Database
	}
	log := c.Logger(p.Stderr)
	begun := time.Now()
	meter := &copyMeter{out: p.Stderr, now: time.Now}
	report, err := db.Copy(ctx, db.CopyConfig{From: db.Config{Path: *from, Logger: log}, To: db.Config{Path: *to, Logger: log},
		Progress: meter.show})
	if err != nil {
		return err
	}
	if report.Restarted {
		fmt.Fprintln(p.Stdout, "the source had changed since the interrupted copy: it was begun again")
	}
	if report.Resumed {
		fmt.Fprintln(p.Stdout, "the interrupted copy was taken up where it was")
	}
	fmt.Fprintf(p.Stdout, "copied %s to %s in %v; the same on both sides:\n", db.DisplayName(*from), db.DisplayName(*to),
		time.Since(begun).Round(100*time.Millisecond))
	for _, t := range report.Tables {
		fmt.Fprintf(p.Stdout, "  %-16s%10d rows  sha256 %s\n", t.Name, t.Rows, t.Hash)
	}
	return nil
}

// meterInterval is the time between two lines about the progress of a copy.
const meterInterval = 2 * time.Second

// copyMeter prints the progress of a copy, its speed and the time left.
type copyMeter struct {
	out      io.Writer
	now      func() time.Time
	checking bool
	since    time.Time // when this phase, of copying or comparing, began; zero before the first
	begun    int64     // rows that were done when it began
	shown    time.Time // when the last line was printed
}

// show prints a line where a phase begins or one is due.
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
