package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

var (
	// named matches a file or folder of the repository in backticks: a path, or a name with an ending that we use.
	named = regexp.MustCompile("`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?)`")
	// linked matches the target of a link to a file.
	linked = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	fenced = regexp.MustCompile("(?s)```.*?```")
)

var endings = []string{".go", ".md", ".graphqls", ".yml", ".sql", ".ts", ".tsx", ".mjs", ".sh"}

// TestFilesExist: CONTRIBUTING.md and ARCHITECTURE.md name only files and folders that exist.
func TestFilesExist(t *testing.T) {
	for page, least := range map[string]int{"CONTRIBUTING.md": 50, "docs/ARCHITECTURE.md": 80} {
		found := 0
		for _, match := range named.FindAllStringSubmatch(read(t, page), -1) {
			name := match[1]
			if !isFile(name) {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Errorf("%s names %s, which there is not", page, name)
			}
		}
		if found < least {
			t.Errorf("%s names %d files, and should name %d at least", page, found, least)
		}
	}
}

// isFile says whether a text in backticks is meant as a file or folder of the repository: it has one of our endings, or begins
// with a folder that exists.
func isFile(name string) bool {
	for _, ending := range endings {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	first, _, below := strings.Cut(name, "/")
	info, err := os.Stat(filepath.Join(root, first))
	return below && err == nil && info.IsDir()
}

// TestLikelyChanges: CONTRIBUTING.md answers ten likely changes or more, each with files.
func TestLikelyChanges(t *testing.T) {
	_, changes, ok := strings.Cut(read(t, "CONTRIBUTING.md"), "## Likely changes")
	if !ok {
		t.Fatal("there are no likely changes")
	}
	sections := strings.Split(changes, "\n### ")[1:]
	if len(sections) < 10 {
		t.Errorf("there are %d", len(sections))
	}
	for _, section := range sections {
		title, _, _ := strings.Cut(section, "\n")
		files := 0
		for _, match := range named.FindAllStringSubmatch(section, -1) {
			if isFile(match[1]) {
				files++
			}
		}
		if files < 2 {
			t.Errorf("%q names %d files", title, files)
		}
	}
}

// TestLinks: links between the pages of the repository lead somewhere.
func TestLinks(t *testing.T) {
	var pages []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		if err == nil && d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "dist") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			pages = append(pages, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 30 {
		t.Errorf("there are %d pages", len(pages))
	}
	for _, page := range pages {
		for _, match := range linked.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, page), ""), -1) {
			target := filepath.Join(root, filepath.Dir(page), match[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which there is not", page, match[1])
			}
		}
	}
}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
