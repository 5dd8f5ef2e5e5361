package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"chattok/internal/client"
	"chattok/internal/config"
	"chattok/session"
)

// maxBanDays is the longest ban.
const maxBanDays = session.MaxBan / (24 * time.Hour)

// kick ends connections of a session, and bans them where that is asked for.
func (p Program) kick(ctx context.Context, args []string) error {
	var r remote
	f := r.flags("print one JSON object a line for each connection that ended, or with -ban for each ban")
	id := f.String("session", "", "`id` of the session")
	var ban time.Duration
	config.DurationVar(f, &ban, "ban", 0, fmt.Sprintf("`time` for which its user, or its address, is kept out too, such as 1h; up to %dd", maxBanDays))
	others, err := r.parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "kick", f)
	}
	if err == nil {
		err = needSession(*id)
	}
	switch {
	case err != nil:
		return err
	case len(others) == 0:
		return fmt.Errorf("%w: name the connections to end, as chattok who lists them", config.ErrUsage)
	case ban < 0 || ban > session.MaxBan || ban > 0 && ban < time.Second:
		return fmt.Errorf("%w: -ban must be 1s to %dd", config.ErrUsage, maxBanDays)
	}
	c, err := r.client(ctx, p)
	if err != nil {
		return outcome(ctx, err)
	}
	k := kicking{p: p, client: c, json: r.json, session: *id, ban: ban}
	return outcome(ctx, k.run(ctx, others))
}

// kicking is the work of kick.
type kicking struct {
	p       Program
	client  *client.Client
	json    bool
	session string
	ban     time.Duration // 0 for none
}

// run ends all of these connections. One that can't be ended is named, and the others are ended all the same; the worst code is the
// command's. Where the server does not answer, or refuses the secret, the rest is not tried.
func (k *kicking) run(ctx context.Context, connections []string) error {
	worst := 0
	for i, connection := range connections {
		shown, line, err := k.end(ctx, connection)
		if err != nil {
			err = outcome(ctx, fmt.Errorf("connection %s: %w", clean(connection), err))
			code := codeOf(err)
			if code == exitInterrupted {
				return err
			}
			fmt.Fprintf(k.p.Stderr, "chattok: %v\n", err)
			worst = worse(worst, code)
			if rest := connections[i+1:]; len(rest) > 0 && (code == exitRefused || errors.Is(err, client.ErrUnreachable)) {
				fmt.Fprintf(k.p.Stderr, "chattok: not tried: %s\n", clean(strings.Join(rest, " ")))
				break
			}
			continue
		}
		if k.json {
			err = k.p.printJSON(shown)
		} else {
			_, err = fmt.Fprintln(k.p.Stdout, line)
		}
		if err != nil {
			return err
		}
	}
	if worst > 0 {
		return exit{code: worst}
	}
	return nil
}

// end ends a connection, and returns what is to be printed.
func (k *kicking) end(ctx context.Context, connection string) (shown any, line string, err error) {
	variables := map[string]any{"s": k.session, "c": connection}
	if k.ban == 0 {
		var data struct{ ForceDisconnect shownConnection }
		const query = `mutation($s:ID!,$c:ID!){forceDisconnect(sessionId:$s,connectionId:$c)` + connectionFields + `}`
		err = k.client.Do(ctx, false, query, variables, &data)
		return data.ForceDisconnect, data.ForceDisconnect.ID, err
	}
	variables["seconds"] = int64(k.ban / time.Second)
	var data struct{ BanConnection shownBan }
	const query = `mutation($s:ID!,$c:ID!,$seconds:Int!){banConnection(sessionId:$s,connectionId:$c,seconds:$seconds)` +
		`{id userId createdAt until connection` + connectionFields + `}}`
	if err := k.client.Do(ctx, true, query, variables, &data); err != nil { // a ban replaces itself
		return nil, "", err
	}
	return data.BanConnection, fmt.Sprintf("%s banned until %s", data.BanConnection.Connection.ID, localTime(data.BanConnection.Until)), nil
}

// worse returns the code that says more of what is to be done: that the secret is wrong, then that trying again does not help.
func worse(a, b int) int {
	order := []int{0, exitNotFound, exitUnreachable, 1, exitRefused}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// shownBan is a ban as kick prints it.
type shownBan struct {
	ID         string          `json:"id"`
	UserID     *string         `json:"userId"`
	CreatedAt  string          `json:"createdAt"`
	Until      string          `json:"until"`
	Connection shownConnection `json:"connection"`
}
