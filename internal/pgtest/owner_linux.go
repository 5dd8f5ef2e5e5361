package pgtest

import "syscall"

// dieWithParent shuts the server down (SIGINT, at once and in order) when the thread that started it ends, so that a
// test binary that is killed leaves no server behind.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGINT }
