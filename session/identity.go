package session

import (
	"context"
	"sync"
)

// databaseIdentity finds out whether the database was replaced, as by an older copy, while this node served it. The lobby is
// made with the database and never removed, so its epoch stands for the database's: in a replaced one all sessions have
// other epochs.
type databaseIdentity struct {
	store    Store
	epoch    *Epoch // the lobby's; nil until the first check. Only the goroutine that checks uses it.
	replaced chan struct{}
	once     sync.Once // closes replaced
}

func newDatabaseIdentity(store Store) *databaseIdentity {
	return &databaseIdentity{store: store, replaced: make(chan struct{})}
}

// check closes replaced where the lobby's epoch is not that of the first check. It must not be called concurrently.
func (d *databaseIdentity) check(ctx context.Context) error {
	var epoch Epoch // 0 where even the lobby is gone
	switch lobby, err := d.store.Session(ctx, Lobby); {
	case err == nil:
		epoch = lobby.Epoch
	case CodeOf(err) != CodeNotFound:
		return err
	}
	if d.epoch == nil {
		d.epoch = &epoch
	}
	if *d.epoch != epoch {
		d.once.Do(func() { close(d.replaced) })
	}
	return nil
}
