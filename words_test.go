package main

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// relativeStart matches a sentence that begins with a relative pronoun: its subject is a clause, which a reader has to take
// apart before knowing what the sentence is about.
var relativeStart = regexp.MustCompile(`(?:^|[.:;!?] )(?:What|Who|Whoever|Whom|Whose)\b[^.!?]*[.!?]?`)

// commentLine matches a line of a comment in the languages of this repository.
var commentLine = regexp.MustCompile(`^\s*(?://|/\*\*?|\*)\s?(.*?)(?:\*/)?$`)

// TestSentences checks the comments of Go and TypeScript and the prose of Markdown: no sentence begins with what, who or
// whoever, unless it is a question.
func TestSentences(t *testing.T) {
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			switch base {
			case "node_modules", "dist", "generated", "testdata", "bin", "goclients":
				return fs.SkipDir
			}
			if name != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return nil
		}
		var prose func(lines []string) []paragraph
		switch path.Ext(base) {
		case ".go", ".ts", ".tsx", ".js", ".mjs":
			prose = comments
		case ".md":
			prose = markdown
		default:
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, p := range prose(strings.Split(string(text), "\n")) {
			for _, sentence := range relativeStart.FindAllString(p.text, -1) {
				if !strings.HasSuffix(sentence, "?") {
					t.Errorf("%s:%d: %s", name, p.line, strings.TrimLeft(sentence, ".:;!? "))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// paragraph is text that belongs together, without line ends. line is where it begins.
type paragraph struct {
	line int
	text string
}

// comments returns the comments of a source file.
func comments(lines []string) (all []paragraph) {
	for i := 0; i < len(lines); i++ {
		if found := commentLine.FindStringSubmatch(lines[i]); found != nil {
			p := paragraph{i + 1, strings.TrimSpace(found[1])}
			for i+1 < len(lines) {
				next := commentLine.FindStringSubmatch(lines[i+1])
				if next == nil {
					break
				}
				p.text += " " + strings.TrimSpace(next[1])
				i++
			}
			all = append(all, p)
		} else if _, trailing, ok := strings.Cut(lines[i], " // "); ok {
			all = append(all, paragraph{i + 1, trailing})
		}
	}
	return all
}

// markdown returns the paragraphs of a Markdown file, without its tables, headings and code.
func markdown(lines []string) (all []paragraph) {
	code := false
	var p paragraph
	end := func() {
		if p.text != "" {
			all = append(all, p)
		}
		p = paragraph{}
	}
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		switch {
		case line == "", code, strings.HasPrefix(line, "```"), strings.HasPrefix(line, "|"), strings.HasPrefix(line, "#"):
			end()
		case p.text == "":
			p = paragraph{i + 1, line}
		default:
			p.text += " " + line
		}
	}
	end()
	return all
}

// TestSentenceRule checks the rule itself.
func TestSentenceRule(t *testing.T) {
	for text, want := range map[string]int{
		"What is gone stays gone.": 1, "It waits. Whoever comes next goes on.": 1, "What became of it? Nobody knows.": 0,
		"close says what is left.": 0, "one thing: What is not here.": 1, "Whatsoever": 0,
	} {
		got := 0
		for _, sentence := range relativeStart.FindAllString(text, -1) {
			if !strings.HasSuffix(sentence, "?") {
				got++
			}
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	lines := []string{"// One", "// two.", "x := 1 // three", "/** Four. */", "code"}
	got := comments(lines)
	if len(got) != 3 || got[0].text != "One two." || got[1].text != "three" || strings.TrimSpace(got[2].text) != "Four." {
		t.Errorf("comments: %v", got)
	}
	if got := markdown([]string{"# What", "", "One", "two", "| What |", "```", "What", "```", "three"}); len(got) != 2 || got[0].text != "One two" {
		t.Errorf("markdown: %v", got)
	}
}
