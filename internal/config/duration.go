package config

import (
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DurationVar adds a flag for a duration, as people write one: 20s, 1h30m, 30d. Package flag's own takes no days, and rejects a
// number without a unit as a "parse error".
func DurationVar(f *flag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	f.Var((*duration)(p), name, usage)
}

// duration is a flag.Value.
type duration time.Duration

const day = 24 * time.Hour

// daysFirst matches a duration that begins with days or weeks.
var daysFirst = regexp.MustCompile(`^(\d+(?:\.\d+)?)([dw])(.*)$`)

// Set implements flag.Value.
func (d *duration) Set(text string) error {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil && n != 0 {
		return fmt.Errorf("it has no unit: write %ss for seconds, %sm for minutes, %sh for hours or %sd for days", text, text, text, text)
	}
	parsed, err := parseDuration(text)
	if err != nil {
		return err
	}
	*d = duration(parsed)
	return nil
}

// parseDuration reads days and weeks itself, and the rest by time.ParseDuration.
func parseDuration(text string) (time.Duration, error) {
	var whole time.Duration
	rest := text
	if parts := daysFirst.FindStringSubmatch(text); parts != nil {
		n, err := strconv.ParseFloat(parts[1], 64)
		unit := day
		if parts[2] == "w" {
			unit = 7 * day
		}
		if err != nil || n > 100*365 {
			return 0, fmt.Errorf("it must be a time such as 500ms, 20s, 10m, 1h30m or 30d")
		}
		if whole, rest = time.Duration(n*float64(unit)), parts[3]; rest == "" {
			return whole, nil
		}
	}
	parsed, err := time.ParseDuration(rest)
	if err != nil || whole > 0 && parsed < 0 {
		return 0, fmt.Errorf("it must be a time such as 500ms, 20s, 10m, 1h30m or 30d")
	}
	return whole + parsed, nil
}

// String implements flag.Value. It leaves out the zeros that time.Duration writes, as in 10m0s.
func (d *duration) String() string {
	text := time.Duration(*d).String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}
