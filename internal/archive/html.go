package archive

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// HTML writes the lines of an export as one page for people, which needs no script, no server and no other file. Memory grows with the
// connections of a session, and by a few bytes for each of its entries.
func HTML(from io.Reader, to io.Writer) error {
	p := &page{to: bufio.NewWriterSize(to, 1<<20)}
	lines := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			break
		}
		if err == nil {
			err = p.add(line)
		}
		if err != nil {
			return err
		}
	}
	return p.to.Flush()
}

// page is an HTML page in the making.
type page struct {
	to      *bufio.Writer
	session int // of those in the page, from 1
	names   map[string]int
	people  []person
	senders []int32 // of the entries, as indices of people
	first   int64   // the number of the first entry
	open    bool    // a list of entries
}

// person is a sender as the page shows it.
type person struct{ name, user string }

// entryLine is an entry's line, as far as the page shows it.
type entryLine struct {
	ID           string
	Seq          int64
	ConnectionID string
	Body         string
	Data         *string
	ReplyTo      int64
	CreatedAt    time.Time
	EditedAt     *time.Time
	DeletedAt    *time.Time
	DeletedBy    string
	Reactions    [][2]any
}

func (p *page) add(line string) error {
	kind, err := kindOf(line)
	if err != nil {
		return err
	}
	switch kind {
	case "chattok":
		var of struct{ Session string }
		if err := read(line, &of); err != nil {
			return err
		}
		title := "All sessions"
		if of.Session != "" {
			title = "Session " + of.Session
		}
		p.printf(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="ChatTok">
<title>%s</title>
<style>%s</style>
</head>
<body>
<main>
<h1>%s</h1>
`, policy(), esc(title), style, esc(title))
	case "session":
		return p.beginSession(line)
	case "connection":
		return p.addPerson(line)
	case "entry":
		return p.addEntry(line)
	case "sessionEnd":
		return p.endSession(line)
	case "end":
		p.printf("</main>\n</body>\n</html>\n")
	}
	return nil
}

// printf writes; the writer keeps its first error for Flush.
func (p *page) printf(format string, args ...any) { _, _ = fmt.Fprintf(p.to, format, args...) }

// esc makes a text safe within an element and within a quoted attribute.
func esc(text string) string { return html.EscapeString(text) }

func (p *page) beginSession(line string) error {
	var s struct {
		ID        string
		CreatedAt time.Time
	}
	if err := read(line, &s); err != nil {
		return err
	}
	p.session++
	p.names, p.people, p.senders, p.open = make(map[string]int), nil, nil, false
	p.printf("<section aria-labelledby=\"s%d\">\n<h2 id=\"s%d\">%s</h2>\n<p class=\"meta\">made %s</p>\n", p.session, p.session, esc(s.ID), clock(s.CreatedAt))
	return nil
}

func (p *page) endSession(line string) error {
	var s struct{ Entries, Removed int64 }
	if err := read(line, &s); err != nil {
		return err
	}
	if p.open {
		p.printf("</ol>\n")
	}
	entries, kept := "entries", s.Entries-s.Removed
	if kept == 1 {
		entries = "entry"
	}
	before := ""
	if s.Removed > 0 {
		before = fmt.Sprintf("; %d older ones are no longer kept", s.Removed)
	}
	p.printf("<p class=\"meta\">%d %s%s</p>\n</section>\n", kept, entries, before)
	return nil
}

func (p *page) addPerson(line string) error {
	var c struct {
		ID, UserID string
		Data       *string
	}
	if err := read(line, &c); err != nil {
		return err
	}
	p.names[c.ID] = len(p.people)
	p.people = append(p.people, person{name: nameOf(c.ID, c.Data), user: c.UserID})
	return nil
}

// maxName is how many characters of a connection's data are a name.
const maxName = 80

// nameOf returns what people are to call a connection: its data, or the name in it where that is a JSON object, or else its id.
func nameOf(id string, data *string) string {
	if data == nil {
		return id
	}
	var of struct{ Name, DisplayName string }
	name := *data
	if strings.HasPrefix(strings.TrimSpace(name), "{") && json.Unmarshal([]byte(name), &of) == nil {
		name = of.Name
		if name == "" {
			name = of.DisplayName
		}
	}
	name = strings.Join(strings.Fields(name), " ")
	if utf8.RuneCountInString(name) > maxName {
		name = string([]rune(name)[:maxName]) + "…"
	}
	if name == "" {
		return id
	}
	return name
}

// who returns the index of a connection; one whose row is lost is called by its id.
func (p *page) who(id string) int {
	at, known := p.names[id]
	if !known {
		at = len(p.people)
		p.names[id] = at
		p.people = append(p.people, person{name: id})
	}
	return at
}

func (p *page) addEntry(line string) error {
	var e entryLine
	if err := read(line, &e); err != nil {
		return err
	}
	if !p.open {
		p.printf("<ol>\n")
		p.open = true
	}
	by := p.who(e.ConnectionID)
	if len(p.senders) == 0 {
		p.first = e.Seq
	}
	p.senders = append(p.senders, int32(by))
	title := ""
	if user := p.people[by].user; user != "" {
		title = ` title="` + esc("user "+user) + `"`
	}
	p.printf("<li id=\"s%de%d\"><bdi class=\"by\"%s>%s</bdi> %s <a class=\"meta\" href=\"#s%de%d\">#%d</a>", p.session, e.Seq, title, esc(p.people[by].name),
		clock(e.CreatedAt), p.session, e.Seq, e.Seq)
	if e.EditedAt != nil && e.DeletedAt == nil {
		p.printf(" <span class=\"meta\">edited %s</span>", clock(*e.EditedAt))
	}
	p.printf("\n")
	switch {
	case e.ReplyTo > 0 && e.ReplyTo < p.first:
		p.printf("<p class=\"meta\">answers #%d, which is no longer kept</p>\n", e.ReplyTo)
	case e.ReplyTo > 0:
		p.printf("<p class=\"meta\">answers <a href=\"#s%de%d\">#%d</a>%s</p>\n", p.session, e.ReplyTo, e.ReplyTo, p.senderOf(e.ReplyTo))
	}
	switch {
	case e.DeletedAt == nil:
		p.printf("<p class=\"text\" dir=\"auto\">%s</p>\n", esc(e.Body))
	case e.DeletedBy != "" && e.DeletedBy != e.ConnectionID:
		p.printf("<p class=\"gone\">deleted %s by <bdi>%s</bdi></p>\n", clock(*e.DeletedAt), esc(p.people[p.who(e.DeletedBy)].name))
	default:
		p.printf("<p class=\"gone\">deleted %s</p>\n", clock(*e.DeletedAt))
	}
	if e.Data != nil {
		p.printf("<p class=\"data\" dir=\"auto\">%s</p>\n", esc(*e.Data))
	}
	if len(e.Reactions) > 0 {
		p.printf("<p class=\"reactions\">")
		for _, r := range e.Reactions {
			name, _ := r[0].(string)
			count, _ := r[1].(float64)
			p.printf("<span><bdi>%s</bdi> %d</span>", esc(name), int64(count))
		}
		p.printf("</p>\n")
	}
	p.printf("</li>\n")
	return nil
}

// senderOf names the sender of an earlier entry; "" where there is none with the number.
func (p *page) senderOf(seq int64) string {
	if at := seq - p.first; at >= 0 && at < int64(len(p.senders)) {
		return " of <bdi>" + esc(p.people[p.senders[at]].name) + "</bdi>"
	}
	return ""
}

func clock(at time.Time) string {
	at = at.UTC()
	return `<time datetime="` + at.Format("2006-01-02T15:04:05.000Z") + `">` + at.Format("2006-01-02 15:04:05") + " UTC</time>"
}
