// Package processors decides how many goroutines run at once.
//
// Go lets a goroutine run for 10 ms before another one may take its place, in the order in which they became ready. A request that
// takes a processor 0.1 ms waits behind every long one: where a client makes the server render and send much, an add waited for 350 ms.
// With more threads than processors, the kernel parts the processors among them, and lets one that has slept run at once; the same add
// waits for 17 ms. docs/decisions/processors.md has the figures.
package processors

import (
	"os"
	"runtime"
)

// threads is how many goroutines run at once for each processor.
const threads = 2

// count is what the runtime has found: the machine's processors, or the share that a cgroup or an operator's GOMAXPROCS gives.
var count = runtime.GOMAXPROCS(0)

// Count returns how many processors this process may use. It bounds work that takes a processor for long.
func Count() int { return count }

// Share lets more goroutines run at once than there are processors. An operator's own GOMAXPROCS stays as it is.
func Share() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(threads * count)
	}
}
