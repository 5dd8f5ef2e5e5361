// Package pgtest runs PostgreSQL servers for tests and for trials. Each has a data directory in the temporary folder, a free
// port of the loopback and a random password, and leaves nothing behind.
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
// PostgreSQL itself must be installed. Where it is not, Start's error says so, and tests are left out as package need
// decides. PostgreSQL refuses to run as root: as root, the server runs as the user postgres, or as nobody where there
// is no such user.
package pgtest
