//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// section is the result of a part.
type section struct {
	title  string
	text   string
	tables []table
	plot   string // an SVG for fanout.svg; empty for none
}

type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// markdown writes the section under its title, with the day and the machine.
func (s section) markdown(day, machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n", s.title, s.text)
	for _, t := range s.tables {
		b.WriteString("\n" + t.markdown())
	}
	fmt.Fprintf(&b, "\n%s: %s.\n", day, machine)
	return b.String()
}

func (t table) markdown() string {
	var b strings.Builder
	b.WriteString("| " + strings.Join(t.head, " | ") + " |\n|---|" + strings.Repeat("---:|", len(t.head)-1) + "\n")
	for _, row := range t.rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// grouped writes a count with commas.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return grouped(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// writeSection replaces the text between the part's markers in the file.
func writeSection(path, part, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	replaced, err := replaceSection(string(b), part, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(replaced), 0o644)
}

func replaceSection(document, part, text string) (string, error) {
	begin, end := "<!-- "+part+" -->\n", "<!-- /"+part+" -->"
	before, rest, found := strings.Cut(document, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return "", fmt.Errorf("it has no %q followed by %q", strings.TrimSpace(begin), end)
	}
	return before + begin + text + end + after, nil
}
