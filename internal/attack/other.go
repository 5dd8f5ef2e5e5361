//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "attack: needs Linux, for network namespaces and /proc")
	os.Exit(1)
}
