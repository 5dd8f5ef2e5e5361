package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"chattok/db"
	"chattok/internal/config"
	"chattok/session"
	"chattok/token"
)

// token mints a session token. It may run beside the server.
func (p Program) token(ctx context.Context, args []string) error {
	var c config.Config
	f := c.Flags()
	id := f.String("session", "", "`id` of the session that the token admits to")
	role := f.String("role", string(session.RolePublisher), "`role`, what its holder may do: SUBSCRIBER, PUBLISHER_ONLY, PUBLISHER or MODERATOR")
	data := f.String("data", "", "`text` that the others see of its holder, such as a name")
	user := f.String("user", "", "`id` of the user that its holder is, who may have any number of connections")
	var expires time.Duration
	config.DurationVar(f, &expires, "expires", 24*time.Hour, "`time` for which connect accepts it, such as 2h or 30d")
	err := config.ParseWith(f, &c, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "token", f)
	}
	if err != nil {
		return config.AsUsage(err)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q; a role is given as -role MODERATOR", config.ErrUsage, f.Arg(0))
	}
	if err := needSession(*id); err != nil {
		return err
	}
	grant := session.SessionGrant{SessionID: *id, Role: session.Role(strings.ToUpper(*role)), ExpiresAt: time.Now().Add(expires)}
	if *data != "" {
		grant.Data = data
	}
	if *user != "" {
		grant.UserID = user
	}
	if err := grant.Validate(); err != nil {
		return fmt.Errorf("%w: %w", config.ErrUsage, err)
	}
	if expires <= 0 {
		return fmt.Errorf("%w: -expires must be more than 0", config.ErrUsage)
	}
	secret, err := p.readSecret(ctx, c, func(store *db.Store) error { return p.describeSession(ctx, store, *id) })
	if err != nil {
		return elsewhere(err)
	}
	tokens, err := token.New(secret, nil)
	if err != nil {
		return err
	}
	raw, err := tokens.MintSession(grant)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, raw)
	return err
}

// describeSession warns where a token for a session is worth less than it seems.
func (p Program) describeSession(ctx context.Context, store *db.Store, id string) error {
	switch found, err := store.Session(ctx, id); {
	case session.CodeOf(err) == session.CodeNotFound:
		fmt.Fprintf(p.Stderr, "chattok: there is no session %q yet: connect refuses the token until createSession has made it\n", id)
	case err != nil:
		return err
	case !found.TokenRequired:
		fmt.Fprintf(p.Stderr, "chattok: session %q was made on first use: in open mode anybody may connect to it without a token; createSession takes it over when nobody is in it\n", id)
	}
	return nil
}
