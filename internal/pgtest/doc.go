// Package pgtest runs PostgreSQL servers for tests and for trying things out: a data directory of its own in the
// temporary folder, a free port of the loopback, a random password, and no trace of it afterwards.
//
// A test binary shares one server, and each test has a database of its own on it:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := pgtest.Database(t) // postgres://…, empty, dropped when the test ends
//	}
//
// A test that stops or kills its server, or that others must not slow down, starts one with StartT.
//
// PostgreSQL itself must be installed; where it is not, Start's error says so, and tests fail rather than be skipped.
// PostgreSQL refuses to run as root: as root, the server runs as the user postgres, or nobody where there is none.
package pgtest
