//go:build linux

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.5: "0.50", 9.994: "9.99", 9.996: "10.0", 42.44: "42.4", 999.6: "1,000",
		1234: "1,234", 12345: "12,350", 1234567: "1,235,000", -42: "-42.0"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		share  float64
		want   float64
	}{
		{nil, 0.5, 0}, {[]float64{3}, 0.99, 3}, {[]float64{3, 1, 2}, 0.5, 2}, {[]float64{4, 3, 2, 1}, 0.5, 3}, {[]float64{1, 2, 3, 4}, 1, 4},
	} {
		if got := quantile(c.values, c.share); got != c.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.values, c.share, got, c.want)
		}
	}
	if got, want := spread([]float64{3, 1, 2}), "2.00 (1.00–3.00)"; got != want {
		t.Errorf("spread: %s, want %s", got, want)
	}
}

func TestSection(t *testing.T) {
	tab := table{head: []string{"a", "b"}}
	tab.add("1", "2")
	got := section{title: "T", text: "words", tables: []table{tab}}.markdown("2026-01-31", "a machine")
	if want := "## T\n\nwords\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n\n2026-01-31: a machine.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReplaceSection(t *testing.T) {
	document := "before\n<!-- adds -->\nold\n<!-- /adds -->\nafter\n"
	got, err := replaceSection(document, "adds", "new\n")
	if want := strings.Replace(document, "old", "new", 1); got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "<!-- adds -->\n", "<!-- /adds -->\n<!-- adds -->\n"} {
		if _, err := replaceSection(bad, "adds", "new"); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestMarkers checks that the README has a place for every part.
func TestMarkers(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(slices.Clone(parts), besideCommit) {
		if _, err := replaceSection(string(text), p.name, ""); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct{ only, want, wrong string }{
		{"", "adds,latest,fanout,idle,start,sessions,stalled,listened,changes", ""},
		{"compare,adds", "adds,compare", ""},
		{"all", strings.Join(partNames(), ","), ""},
		{"adds,nothing", "", `"nothing" is none of`},
	} {
		chosen, err := choose(c.only)
		says(t, err, c.wrong)
		var names []string
		for _, p := range chosen {
			names = append(names, p.name)
		}
		if got := strings.Join(names, ","); err == nil && got != c.want {
			t.Errorf("-only %q: %s, want %s", c.only, got, c.want)
		}
	}
}
