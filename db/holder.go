package db

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"chattok/session"
)

// holderRow is a row of connection_holders: a live connection, and one holder whose number of connections is limited,
// such as a token or an address.
type holderRow struct {
	bun.BaseModel `bun:"table:connection_holders"`

	Holder       int64  `bun:"holder,pk"`
	ConnectionID string `bun:"connection_id,pk"`
}

// holderCounts is how many live connections each holder has. Transactions of one session wait for each other, so the
// count of a session token is exact. The limit of an address may be exceeded by connections to different sessions that
// are created at the same instant.
type holderCounts map[int64]int

// countHolders counts the live connections of the new connections' holders.
func countHolders(ctx context.Context, tx bun.Tx, connections []session.NewConnection) (holderCounts, error) {
	c := holderCounts{}
	var keys []int64
	for _, n := range connections {
		for _, h := range n.Holders {
			if _, seen := c[h.Key]; !seen {
				c[h.Key] = 0
				keys = append(keys, h.Key)
			}
		}
	}
	if len(keys) == 0 {
		return c, nil
	}
	rows, err := tx.QueryContext(ctx, sqlCountHolders, bun.List(keys))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var live int
		if err := rows.Scan(&key, &live); err != nil {
			return nil, err
		}
		c[key] = live
	}
	return c, rows.Err()
}

// sqlCountHolders joins connections, since a node of an earlier version ends a connection and leaves its holders.
const sqlCountHolders = "SELECT h.holder, count(*) FROM connection_holders AS h JOIN connections AS c ON c.id = h.connection_id" +
	" WHERE h.holder IN (?) AND c.destroyed_revision IS NULL GROUP BY h.holder"

// admit counts a connection, or returns the limit that it would exceed.
func (c holderCounts) admit(n session.NewConnection) error {
	for _, h := range n.Holders {
		if c[h.Key] >= h.Limit {
			return session.TooManyConnections(h.Name, h.Limit)
		}
	}
	for _, h := range n.Holders {
		c[h.Key]++
	}
	return nil
}

// insertHolders stores the holders of the connections that were created.
func insertHolders(ctx context.Context, tx bun.Tx, connections []session.NewConnection, results []session.ConnectionResult) error {
	var rows []*holderRow
	for i, n := range connections {
		for _, h := range n.Holders {
			if results[i].Err == nil {
				rows = append(rows, &holderRow{Holder: h.Key, ConnectionID: n.ID})
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("record holders: %w", err)
	}
	return nil
}
