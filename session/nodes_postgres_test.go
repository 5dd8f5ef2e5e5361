//go:build unix

package session_test

import (
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/pgtest"
)

// TestNodesLogOnPostgres: the log changes on PostgreSQL as nodes_log_test.go demands of SQLite.
func TestNodesLogOnPostgres(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	t.Run("replicas", func(t *testing.T) {
		logReplicas(newClusterOn(t, server.DatabaseT(t), bustest.Faults{Drop: 0.3, Double: 0.3, Hold: 0.3}))
	})
	t.Run("nothing older", func(t *testing.T) {
		nothingOlder(newClusterOn(t, server.DatabaseT(t), bustest.Faults{Drop: 1}))
	})
}
