package config

import (
	"errors"
	"strings"
	"testing"
)

// TestBooleans: a setting that is neither true nor false is refused with a sentence that says what it may be.
func TestBooleans(t *testing.T) {
	for _, wrong := range []string{"no", "off", "flase"} {
		t.Setenv("CHATTOK_OPEN", wrong)
		_, err := Parse(nil)
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), `"CHATTOK_OPEN": it must be true or false`) {
			t.Errorf("CHATTOK_OPEN=%s: %v", wrong, err)
		}
	}
	t.Setenv("CHATTOK_OPEN", "")
	if _, err := Parse([]string{"-open=no"}); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "it must be true or false") {
		t.Errorf("-open=no: %v", err)
	}
	for text, want := range map[string]bool{"false": false, "0": false, "TRUE": true, "": true} {
		t.Setenv("CHATTOK_OPEN", text)
		if c, err := Parse([]string{"-admin"}); err != nil || c.Open != want || !c.Admin {
			t.Errorf("CHATTOK_OPEN=%s is %t, and -admin %t: %v", text, c.Open, c.Admin, err)
		}
	}
}
