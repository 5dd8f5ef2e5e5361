package db

import (
	"context"

	"github.com/uptrace/bun"

	"chattok/session"
)

// nodeRow is a row of nodes.
type nodeRow struct {
	bun.BaseModel `bun:"table:nodes"`

	ID            int64   `bun:"id,pk"`
	Name          string  `bun:"name"`
	LeaseUntil    int64   `bun:"lease_until"`
	SchemaVersion int     `bun:"schema_version"`
	Version       *string `bun:"version"`
	StartedAt     *int64  `bun:"started_at"`
	ReportedAt    *int64  `bun:"reported_at"`
	Sockets       *int64  `bun:"sockets"`
	HTTPStreams   *int64  `bun:"http_streams"`
	Subscriptions *int64  `bun:"subscriptions"`
	Connections   *int64  `bun:"connections"`
}

// newNodeRow returns the row of a node that reports itself at this time.
func newNodeRow(name string, r session.NodeReport, now int64) *nodeRow {
	started, number := now-r.Uptime.Milliseconds(), func(n int) *int64 { count := int64(n); return &count }
	return &nodeRow{Name: name, Version: &r.Version, StartedAt: &started, ReportedAt: &now, Sockets: number(r.Sockets),
		HTTPStreams: number(r.HTTPStreams), Subscriptions: number(r.Subscriptions), Connections: number(r.Connections)}
}

func (r *nodeRow) toNode() *session.Node {
	return &session.Node{ID: r.Name, Version: r.Version, StartedAt: toTimeOrNil(r.StartedAt), ReportedAt: toTimeOrNil(r.ReportedAt),
		Sockets: r.Sockets, HTTPStreams: r.HTTPStreams, Subscriptions: r.Subscriptions, Connections: r.Connections}
}

// Nodes implements session.Store.
func (s *Store) Nodes(ctx context.Context) ([]*session.Node, error) {
	return read(ctx, s, "read nodes", func(ctx context.Context) ([]*session.Node, error) {
		now, err := s.now(ctx, s.readers)
		if err != nil {
			return nil, err
		}
		var rows []*nodeRow
		const leased = "SELECT name, version, started_at, reported_at, sockets, http_streams, subscriptions, connections FROM nodes" +
			" WHERE lease_until > ? ORDER BY name LIMIT ?"
		if err := s.readers.NewRaw(leased, now, session.MaxListNodes).Scan(ctx, &rows); err != nil {
			return nil, err
		}
		nodes := make([]*session.Node, len(rows))
		for i, row := range rows {
			nodes[i] = row.toNode()
		}
		return nodes, nil
	})
}
