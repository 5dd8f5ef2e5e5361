//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// startTurns is how many starts a median is taken of.
const startTurns = 10

// startEntries is the number of entries in the database that partStart opens again.
const startEntries = 10_000

// partStart measures from the process's start until /readyz answers.
func partStart(ctx context.Context, b *bench) (section, error) {
	var fresh, again []time.Duration
	dir, err := os.MkdirTemp(b.dir, "start-")
	if err != nil {
		return section{}, err
	}
	if err := fill(ctx, b, dir, startEntries); err != nil {
		return section{}, fmt.Errorf("fill a database: %w", err)
	}
	for range startTurns {
		s, err := b.chattok.start(ctx, b.dir)
		if err != nil {
			return section{}, err
		}
		fresh = append(fresh, s.ready)
		if err := s.stop(); err != nil {
			return section{}, err
		}
		if s, err = b.chattok.startIn(ctx, dir); err != nil {
			return section{}, err
		}
		again = append(again, s.ready)
		if err := s.stop(); err != nil {
			return section{}, err
		}
	}
	b.progress("start: %v, again %v", median(fresh), median(again))
	t := table{head: []string{"database", "ready after ms"}}
	inMillis := func(times []time.Duration) []float64 { return over(times, millis) }
	t.add("new", spread(inMillis(fresh)))
	t.add(fmt.Sprintf("of %s entries", grouped(startEntries)), spread(inMillis(again)))
	return section{title: "Start", tables: []table{t},
		text: fmt.Sprintf("From the process's start until `/readyz` answers 200; medians of %d starts.", startTurns)}, nil
}

// fill adds entries to the database in dir.
func fill(ctx context.Context, b *bench, dir string, entries int) error {
	s, err := b.chattok.startIn(ctx, dir)
	if err != nil {
		return err
	}
	defer s.kill()
	a, err := openAudience(s, load{sessions: 1})
	if err != nil {
		return err
	}
	defer a.close()
	publish, err := preparePublisher(s, a, load{sessions: 1, posters: 64, entries: entries, size: b.size})
	if err != nil {
		return err
	}
	if err := publish.one(0); err != nil {
		return err
	}
	if _, err := publish.all(time.Now()); err != nil {
		return err
	}
	if _, err := publish.check(); err != nil {
		return err
	}
	return s.stop()
}
