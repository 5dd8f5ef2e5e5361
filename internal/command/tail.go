package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"chattok/internal/client"
	"chattok/internal/config"
	"chattok/session"
)

// shownEntry is an entry as commands print it.
type shownEntry struct {
	ID           string          `json:"id"`
	Seq          int64           `json:"seq"`
	Cursor       string          `json:"cursor"`
	ConnectionID string          `json:"connectionId"`
	UserID       *string         `json:"userId"`
	Name         *string         `json:"name"` // the data of the sender's connection
	Body         string          `json:"body"`
	Data         *string         `json:"data"`
	ReplyTo      *string         `json:"replyTo"`
	CreatedAt    string          `json:"createdAt"`
	Version      int64           `json:"version"`
	EditedAt     *string         `json:"editedAt"`
	DeletedAt    *string         `json:"deletedAt"`
	Reactions    []shownReaction `json:"reactions"`
}

type shownReaction struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// entryFields selects an answeredEntry.
const entryFields = `{id seq cursor connectionId userId connection{data} body data replyTo{id} createdAt version editedAt deletedAt reactions{name count}}`

// answeredEntry is an entry as the API answers.
type answeredEntry struct {
	ID, Cursor, ConnectionID, Body, CreatedAt string
	Seq, Version                              int64
	UserID, Data, EditedAt, DeletedAt         *string
	Connection                                struct{ Data *string }
	ReplyTo                                   *struct{ ID string }
	Reactions                                 []shownReaction
}

func (a *answeredEntry) shown() shownEntry {
	e := shownEntry{ID: a.ID, Seq: a.Seq, Cursor: a.Cursor, ConnectionID: a.ConnectionID, UserID: a.UserID, Name: a.Connection.Data, Body: a.Body, Data: a.Data,
		CreatedAt: a.CreatedAt, Version: a.Version, EditedAt: a.EditedAt, DeletedAt: a.DeletedAt, Reactions: a.Reactions}
	if a.ReplyTo != nil {
		e.ReplyTo = &a.ReplyTo.ID
	}
	return e
}

// shownLogEvent is a line of tail -json.
type shownLogEvent struct {
	Event  string     `json:"event"`  // added, edited, deleted or reacted
	Cursor string     `json:"cursor"` // to go on after
	Entry  shownEntry `json:"entry"`
}

// tail prints a session's entries, the newest ones and then those that come.
func (p Program) tail(ctx context.Context, args []string) error {
	var r remote
	f := r.flags("print one JSON object a line: {\"event\":…,\"cursor\":…,\"entry\":{…}}")
	id := f.String("session", "", "`id` of the session")
	last := f.Int("n", 10, fmt.Sprintf("`number` of the newest entries to begin with, 0 to %d", session.MaxPage))
	after := f.String("after", "", "`cursor` to begin after, such as that of the last line that was read, in place of -n; 0 is the beginning")
	follow := f.Bool("follow", true, "go on with what comes, until it is interrupted")
	others, err := r.parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "tail", f)
	}
	if err == nil {
		err = cmp.Or(needSession(*id), noMore(others))
	}
	if err == nil && (*last < 0 || *last > session.MaxPage) {
		err = fmt.Errorf("%w: -n must be 0 to %d", config.ErrUsage, session.MaxPage)
	}
	if err != nil {
		return err
	}
	c, err := r.client(ctx, p)
	if err != nil {
		return outcome(ctx, err)
	}
	t := &tailing{p: p, client: c, session: *id, json: r.json}
	err = t.run(ctx, *last, *after, *follow)
	if err != nil && ctx.Err() != nil && *follow {
		return nil // its usual end
	}
	return outcome(ctx, err)
}

// tailing is the work of tail.
type tailing struct {
	p       Program
	client  *client.Client
	session string
	json    bool
	lost    bool
}

func (t *tailing) run(ctx context.Context, last int, after string, follow bool) error {
	if after == "" {
		var data struct {
			ChatEntries struct {
				LastCursor string
				Nodes      []answeredEntry
			}
		}
		const query = `query($s:ID!,$n:Int!){chatEntries(sessionId:$s,last:$n){lastCursor nodes` + entryFields + `}}`
		if err := t.client.Do(ctx, true, query, map[string]any{"s": t.session, "n": last}, &data); err != nil {
			return err
		}
		for i := range data.ChatEntries.Nodes {
			e := &data.ChatEntries.Nodes[i]
			if err := t.print("added", e.Cursor, e); err != nil {
				return err
			}
		}
		after = data.ChatEntries.LastCursor
	}
	if !follow {
		return t.rest(ctx, after)
	}
	const query = `subscription($s:ID!,$after:String!){logEvents(sessionId:$s,after:$after){__typename ...on EntryAdded{cursor entry` + entryFields +
		`} ...on EntryChanged{cursor change entry` + entryFields + `}}}`
	return t.client.Follow(ctx, client.Subscription{Query: query, Variables: map[string]any{"s": t.session}, After: after, Event: t.event, Lost: t.noteLost})
}

// rest prints the entries after a cursor that are there now, where tail is not to follow.
func (t *tailing) rest(ctx context.Context, after string) error {
	const query = `query($s:ID!,$after:String!,$n:Int!){chatEntries(sessionId:$s,first:$n,after:$after){pageInfo{hasNextPage endCursor} nodes` + entryFields + `}}`
	for {
		var data struct {
			ChatEntries struct {
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
				Nodes []answeredEntry
			}
		}
		if err := t.client.Do(ctx, true, query, map[string]any{"s": t.session, "after": after, "n": session.MaxPage}, &data); err != nil {
			return err
		}
		for i := range data.ChatEntries.Nodes {
			e := &data.ChatEntries.Nodes[i]
			if err := t.print("added", e.Cursor, e); err != nil {
				return err
			}
		}
		page := data.ChatEntries.PageInfo
		if !page.HasNextPage || page.EndCursor == nil {
			return nil
		}
		after = *page.EndCursor
	}
}

// event prints an event of logEvents, and returns its cursor.
func (t *tailing) event(data json.RawMessage) (cursor string, err error) {
	var event struct {
		LogEvents struct {
			Typename string `json:"__typename"`
			Cursor   string
			Change   string
			Entry    answeredEntry
		}
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return "", err
	}
	if t.lost {
		t.lost = false
		fmt.Fprintln(t.p.Stderr, "chattok: the server is there again; nothing was missed")
	}
	e := &event.LogEvents
	kind := "added"
	if e.Typename == "EntryChanged" {
		kind = strings.ToLower(e.Change)
	}
	return e.Cursor, t.print(kind, e.Cursor, &e.Entry)
}

// noteLost says once that the connection was lost.
func (t *tailing) noteLost(err error) {
	if !t.lost {
		t.lost = true
		fmt.Fprintf(t.p.Stderr, "chattok: %v; trying again\n", err)
	}
}

func (t *tailing) print(event, cursor string, a *answeredEntry) error {
	e := a.shown()
	if t.json {
		return t.p.printJSON(shownLogEvent{event, cursor, e})
	}
	_, err := fmt.Fprintln(t.p.Stdout, textOf(event, &e))
	return err
}

// textOf returns the line of an entry for people.
func textOf(event string, e *shownEntry) string {
	at := e.CreatedAt
	if when, err := time.Parse(time.RFC3339, e.CreatedAt); err == nil {
		at = when.Local().Format(time.DateTime)
	}
	name := e.ConnectionID
	if e.Name != nil && *e.Name != "" {
		name = *e.Name
	}
	line := fmt.Sprintf("%s  #%d  %s: ", at, e.Seq, clean(name))
	switch {
	case e.DeletedAt != nil:
		return line + "(deleted)"
	case event == "reacted":
		var reactions []string
		for _, r := range e.Reactions {
			reactions = append(reactions, fmt.Sprintf("%s %d", clean(r.Name), r.Count))
		}
		return line + "(reactions: " + strings.Join(reactions, ", ") + ")"
	case event == "edited":
		return line + clean(e.Body) + " (edited)"
	}
	return line + clean(e.Body)
}
