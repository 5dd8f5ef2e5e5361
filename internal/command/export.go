package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"chattok/internal/archive"
	"chattok/internal/client"
)

const exportQuery = `query($sessionId:ID,$after:String){export(sessionId:$sessionId,after:$after){lines next entries}}`

// export writes an export of a session, or of the whole database, to a file or to the standard output.
func (p Program) export(ctx context.Context, args []string) error {
	var r remote
	f := r.flags("")
	id := f.String("session", "", "`id` of the one session to export; the whole database where it is not set")
	out := f.String("out", "", "`file` to write, which is there once it is whole (default the standard output)")
	html := f.Bool("html", false, "write one page for people, which a browser shows offline, in place of lines for chattok import")
	others, err := r.parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "export", f)
	}
	if err == nil {
		err = noMore(others)
	}
	if err != nil {
		return err
	}
	c, err := r.client(ctx, p)
	if err != nil {
		return outcome(ctx, err)
	}
	if err := p.exportTo(ctx, c, *id, *out, *html); err != nil {
		if isClosedPipe(err) {
			return fmt.Errorf("the export is not whole: %w", err)
		}
		return outcome(ctx, err)
	}
	return nil
}

// exportTo writes an export to a file, or where that is "" to the standard output.
func (p Program) exportTo(ctx context.Context, c *client.Client, sessionID, out string, html bool) (err error) {
	folder := ""
	if out != "" {
		folder = filepath.Dir(out)
	}
	spooled, drop, err := temporary(folder, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	if err := p.spool(ctx, c, sessionID, spooled); err != nil {
		return err
	}
	if _, err := spooled.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if !html {
		return p.deliver(spooled, out)
	}
	if out == "" {
		return archive.HTML(spooled, p.Stdout)
	}
	page, dropPage, err := temporary(folder, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dropPage()) }()
	if err := archive.HTML(spooled, page); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.deliver(page, out)
}

// temporary makes a file beside the target, which its owner alone may read. drop removes it where it has its name still.
func temporary(folder, target string) (file *os.File, drop func() error, err error) {
	name := "chattok-export-*"
	if target != "" {
		name = "." + filepath.Base(target) + ".*.part"
	}
	file, err = os.CreateTemp(folder, name)
	if err != nil {
		return nil, nil, fmt.Errorf("make a temporary file for the export: %w", err)
	}
	return file, func() error {
		err := os.Remove(file.Name())
		if errors.Is(err, os.ErrNotExist) { // it has its final name
			err = nil
		}
		return errors.Join(file.Close(), err)
	}, nil
}

// deliver gives a file that is whole its name, or copies it to the standard output.
func (p Program) deliver(file *os.File, out string) error {
	if out == "" {
		_, err := io.Copy(p.Stdout, file)
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), out); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(out))
	if err != nil {
		return err
	}
	_ = folder.Sync() // some systems can't; the file itself is on disk
	return folder.Close()
}

// spool fetches all pages of an export.
func (p Program) spool(ctx context.Context, c *client.Client, sessionID string, to *os.File) error {
	spool := archive.NewSpool(to)
	meter := &entryMeter{out: p.Stderr, does: "exported", show: isTerminal(p.Stderr), now: time.Now}
	variables := map[string]any{}
	if sessionID != "" {
		variables["sessionId"] = sessionID
	}
	for {
		var data struct {
			Export struct {
				Lines   string
				Next    *string
				Entries *float64
			}
		}
		if err := c.Do(ctx, true, exportQuery, variables, &data); err != nil {
			meter.end()
			return err
		}
		if err := spool.Add(data.Export.Lines); err != nil {
			meter.end()
			return err
		}
		if data.Export.Entries != nil {
			meter.total = int64(*data.Export.Entries)
		}
		meter.at(spool.Entries)
		if data.Export.Next == nil {
			meter.end()
			return spool.End()
		}
		variables["after"] = *data.Export.Next
	}
}

// entryMeter keeps one line of a terminal up to date about the progress of an export or import.
type entryMeter struct {
	out   io.Writer
	does  string
	show  bool
	now   func() time.Time
	total int64 // 0 where it is not known
	begun time.Time
	shown time.Time
}

// meterStep is the time between two updates of the line.
const meterStep = 250 * time.Millisecond

func (m *entryMeter) at(entries int64) {
	now := m.now()
	if m.begun.IsZero() {
		m.begun = now
	}
	if !m.show || now.Sub(m.shown) < meterStep {
		return
	}
	m.shown = now
	rate := float64(entries) / max(now.Sub(m.begun).Seconds(), 0.001)
	if m.total > 0 {
		fmt.Fprintf(m.out, "\r\x1b[K%s %d of %d entries (%.0f %%), %.0f a second", m.does, entries, m.total, 100*float64(entries)/float64(m.total), rate)
		return
	}
	fmt.Fprintf(m.out, "\r\x1b[K%s %d entries, %.0f a second", m.does, entries, rate)
}

// end clears the line.
func (m *entryMeter) end() {
	if !m.shown.IsZero() {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// isTerminal says whether output goes to a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Mode()&os.ModeDevice != 0
}
