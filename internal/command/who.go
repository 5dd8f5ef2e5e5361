package command

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"

	"chattok/internal/client"
	"chattok/session"
)

// shownConnection is a connection as commands print it.
type shownConnection struct {
	ID        string  `json:"id"`
	UserID    *string `json:"userId"`
	Role      string  `json:"role"`
	Data      *string `json:"data"`
	CreatedAt string  `json:"createdAt"`
	HasSocket *bool   `json:"hasSocket,omitempty"` // of who alone
}

// connectionFields selects a shownConnection.
const connectionFields = `{id userId role data createdAt}`

// who prints the connections that are in a session.
func (p Program) who(ctx context.Context, args []string) error {
	var r remote
	f := r.flags("print one JSON object a line for each connection")
	id := f.String("session", "", "`id` of the session")
	search := f.String("search", "", "only connections whose data or id has this `text` in it, in upper or lower case")
	others, err := r.parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "who", f)
	}
	if err == nil {
		err = cmp.Or(needSession(*id), noMore(others))
	}
	if err != nil {
		return err
	}
	c, err := r.client(ctx, p)
	if err != nil {
		return outcome(ctx, err)
	}
	return outcome(ctx, p.printConnections(ctx, c, *id, *search, r.json))
}

func (p Program) printConnections(ctx context.Context, c *client.Client, sessionID, search string, json bool) error {
	table := tabwriter.NewWriter(p.Stdout, 0, 8, 2, ' ', 0)
	if !json {
		fmt.Fprintln(table, "CONNECTION\tROLE\tSINCE\tSOCKET\tUSER\tDATA")
	}
	variables := map[string]any{"s": sessionID, "n": session.MaxPage}
	if search != "" {
		variables["search"] = search
	}
	for {
		var data struct {
			Connections struct {
				Edges []struct {
					HasSocket bool
					Node      shownConnection
				}
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		const query = `query($s:ID!,$n:Int!,$after:String,$search:String){connections(sessionId:$s,first:$n,after:$after,search:$search)` +
			`{edges{hasSocket node` + connectionFields + `} pageInfo{hasNextPage endCursor}}}`
		if err := c.Do(ctx, true, query, variables, &data); err != nil {
			return errors.Join(table.Flush(), err)
		}
		for _, edge := range data.Connections.Edges {
			one := edge.Node
			one.HasSocket = &edge.HasSocket
			var err error
			if json {
				err = p.printJSON(one)
			} else {
				socket := "no"
				if edge.HasSocket {
					socket = "yes"
				}
				_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.Role, localTime(one.CreatedAt), socket, orDash(one.UserID), orDash(one.Data))
			}
			if err != nil {
				return err
			}
		}
		page := data.Connections.PageInfo
		if !page.HasNextPage || page.EndCursor == nil {
			return table.Flush()
		}
		variables["after"] = *page.EndCursor
	}
}
