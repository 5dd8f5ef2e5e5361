//go:build linux

package main

// group bounds the memory of processes.
type group struct{ dir string }

func (g *group) processes() string { return g.dir + "/cgroup.procs" }
