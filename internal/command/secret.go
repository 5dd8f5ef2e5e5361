package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"

	"chattok/db"
	"chattok/internal/config"
)

// secret prints the API secret. It may run beside the server.
func (p Program) secret(ctx context.Context, args []string) error {
	c, err := config.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "secret", nil)
	}
	if err != nil {
		return err
	}
	secret, err := p.readSecret(ctx, c, nil)
	if err != nil {
		return elsewhere(err)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s\n", secret)
	return err
}

// elsewhere adds to the error of a database that does not exist how to name it: the command may run in another folder than the server.
func elsewhere(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w; where it is in another folder, name it by -database or %s", err, config.Variable("database"))
}

// errOtherSecret says that tokens are signed with another secret than the database's own.
var errOtherSecret = fmt.Errorf("the server that uses this database was started with another secret than the database's own, which is not valid then: set %s here to the server's", config.SecretVariable)

// readSecret returns the secret in force: the environment's, or else the one that the database keeps. Errors: errOtherSecret
// where the server was started with another one. Where there is a database, look is called with it; look may be nil.
func (p Program) readSecret(ctx context.Context, c config.Config, look func(store *db.Store) error) (secret []byte, err error) {
	store, err := db.Open(ctx, db.Config{Path: c.Database, ReadOnly: true})
	if err != nil && c.APISecret != "" {
		return []byte(c.APISecret), nil // a backend's machine has the secret and no database
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if secret, err = c.Secret(ctx, store); err != nil {
		return nil, err
	}
	inForce, err := store.SecretInForce(ctx, secret)
	switch {
	case err != nil:
		return nil, err
	case !inForce && c.APISecret == "":
		return nil, errOtherSecret
	case !inForce:
		fmt.Fprintf(p.Stderr, "chattok: the server that uses this database was started with another secret than %s is here\n", config.SecretVariable)
	}
	if look != nil {
		err = look(store)
	}
	return secret, err
}
