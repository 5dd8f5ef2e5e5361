package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestDurationsAsPeopleWriteThem: every setting that is a time takes days, and answers a number without a unit with a hint.
func TestDurationsAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{"20s": 20 * time.Second, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour,
		"1.5d": 36 * time.Hour, "2w": 336 * time.Hour, "1d12h": 36 * time.Hour, " 5s ": 5 * time.Second, "0": 0, "500ms": time.Second / 2} {
		var d duration
		if err := d.Set(text); err != nil || time.Duration(d) != want {
			t.Errorf("%q: %v %v, want %v", text, time.Duration(d), err, want)
		}
	}
	for text, want := range map[string]string{"5": "write 5s for seconds", "1.5": "write 1.5s for seconds", "-3": "no unit", "soon": "such as", "": "such as",
		"5 minutes": "such as", "30D": "such as", "d": "such as", "99999999d": "such as", "1d-1h": "such as"} {
		var d duration
		if err := d.Set(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, name := range []string{"grace", "idle", "init-timeout", "write-timeout", "ping-interval", "keep-alive", "gather"} {
		_, err := Parse([]string{"-" + name, "5"})
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "5s for seconds") || !strings.Contains(err.Error(), name) {
			t.Errorf("-%s 5: %v", name, err)
		}
	}
	t.Setenv("CHATTOK_GRACE", "5")
	if _, err := Parse(nil); err == nil || !strings.Contains(err.Error(), "5s for seconds") || !strings.Contains(strings.ToLower(err.Error()), "grace") {
		t.Errorf("CHATTOK_GRACE=5: %v", err)
	}
	t.Setenv("CHATTOK_GRACE", "1m")
	c, err := Parse([]string{"-idle", "0.5d"})
	if err != nil || c.Grace != time.Minute || c.Idle != 12*time.Hour {
		t.Errorf("%v %v %v", c.Grace, c.Idle, err)
	}
	if got := c.Flags().Lookup("idle").DefValue; got != "10m" {
		t.Errorf("the default is written as %s", got)
	}
}
