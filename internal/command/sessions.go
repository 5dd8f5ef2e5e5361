package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"

	"chattok/internal/client"
	"chattok/internal/config"
)

// shownSession is a session as commands print it.
type shownSession struct {
	ID              string  `json:"id"`
	CreatedAt       string  `json:"createdAt"`
	EntryCount      int64   `json:"entryCount"`
	Bytes           int64   `json:"bytes"`
	ConnectionCount int64   `json:"connectionCount"`
	LastEntryAt     *string `json:"lastEntryAt"` // of the newest that is not deleted
	LastCursor      string  `json:"lastCursor"`
	SlowModeSeconds int64   `json:"slowMode"`
	ReadOnly        bool    `json:"readOnly"`
	Data            *string `json:"data"`
}

// answeredSession is a session as the API answers.
type answeredSession struct {
	ID, CreatedAt, LastCursor             string
	EntryCount, ConnectionCount, SlowMode int64
	Bytes                                 float64
	ReadOnly                              bool
	Data                                  *string
	LastEntry                             *struct{ CreatedAt string }
}

func (a *answeredSession) shown() shownSession {
	s := shownSession{ID: a.ID, CreatedAt: a.CreatedAt, EntryCount: a.EntryCount, Bytes: int64(a.Bytes), ConnectionCount: a.ConnectionCount, LastCursor: a.LastCursor,
		SlowModeSeconds: a.SlowMode, ReadOnly: a.ReadOnly, Data: a.Data}
	if a.LastEntry != nil {
		s.LastEntryAt = &a.LastEntry.CreatedAt
	}
	return s
}

// orders are the orders of sessions by their names here.
var orders = map[string]string{"last-entry": "LAST_ENTRY", "created": "CREATED"}

// sessions prints the sessions of a server.
func (p Program) sessions(ctx context.Context, args []string) error {
	var r remote
	f := r.flags("print one JSON object a line for each session")
	prefix := f.String("prefix", "", "only sessions whose ids begin with this `text`")
	user := f.String("user", "", "only sessions that the user with this `id` is in, has read or has posted in")
	order := f.String("order", "last-entry", "newest first by this `order`: last-entry or created")
	limit := f.Int("n", 0, "`number` of sessions at most; 0 for all")
	others, err := r.parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "sessions", f)
	}
	if err == nil {
		err = noMore(others)
	}
	switch {
	case err != nil:
		return err
	case orders[*order] == "":
		return fmt.Errorf("%w: -order must be last-entry or created", config.ErrUsage)
	case *limit < 0:
		return fmt.Errorf("%w: -n must be 0 or more", config.ErrUsage)
	}
	c, err := r.client(ctx, p)
	if err != nil {
		return outcome(ctx, err)
	}
	variables := map[string]any{"order": orders[*order]}
	if *prefix != "" {
		variables["prefix"] = *prefix
	}
	if *user != "" {
		variables["user"] = *user
	}
	return outcome(ctx, p.printSessions(ctx, c, variables, *limit, r.json))
}

// sessionPage is how many sessions are asked for at once.
const sessionPage = 50

func (p Program) printSessions(ctx context.Context, c *client.Client, variables map[string]any, limit int, json bool) error {
	const query = `query($after:String,$first:Int!,$order:SessionOrder!,$prefix:String,$user:ID){sessions(first:$first,after:$after,orderBy:$order,prefix:$prefix,userId:$user)` +
		`{nodes{id createdAt entryCount bytes connectionCount lastCursor slowMode readOnly data lastEntry{createdAt}} pageInfo{hasNextPage endCursor}}}`
	table := tabwriter.NewWriter(p.Stdout, 0, 8, 2, ' ', 0)
	if !json {
		fmt.Fprintln(table, "SESSION\tENTRIES\tBYTES\tTHERE\tLAST ENTRY\tMADE")
	}
	for left := limit; ; {
		variables["first"] = sessionPage
		if limit > 0 {
			variables["first"] = min(left, sessionPage)
		}
		var data struct {
			Sessions struct {
				Nodes    []answeredSession
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		if err := c.Do(ctx, true, query, variables, &data); err != nil {
			return errors.Join(table.Flush(), err)
		}
		for i := range data.Sessions.Nodes {
			one := data.Sessions.Nodes[i].shown()
			var err error
			if json {
				err = p.printJSON(one)
			} else {
				last := "-"
				if one.LastEntryAt != nil {
					last = localTime(*one.LastEntryAt)
				}
				_, err = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\n", clean(one.ID), one.EntryCount, one.Bytes, one.ConnectionCount, last, localTime(one.CreatedAt))
			}
			if err != nil {
				return err
			}
		}
		left -= len(data.Sessions.Nodes)
		page := data.Sessions.PageInfo
		if !page.HasNextPage || page.EndCursor == nil || limit > 0 && left <= 0 {
			return table.Flush()
		}
		variables["after"] = *page.EndCursor
	}
}
