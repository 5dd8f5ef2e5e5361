package db

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"

	"github.com/uptrace/bun"

	"chattok/session"
)

// renewEpochs takes up a database that is an older copy: it makes every cursor invalid that was given out before, and the erasures that
// were running when the copy was made are done before the next Open returns.
func renewEpochs(ctx context.Context, tx bun.Tx) error {
	renewFeed, err := renewFeedEpochs(ctx, tx)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE sessions SET epoch = "+engineOf(tx).epoch); err != nil {
		return err
	}
	const redo = "UPDATE erasures SET phase = ? WHERE phase = ?"
	if _, err := tx.ExecContext(ctx, redo, string(session.PhaseRedo), string(session.PhaseErasing)); err != nil {
		return err
	}
	return renewFeed()
}

func newGeneration() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func newEpoch() session.Epoch {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return session.Epoch(binary.BigEndian.Uint64(b[:]))
}
