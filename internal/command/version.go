package command

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Version returns the version of this build: release, or, where that is empty, next marked as a development build, with its
// commit where the build knows it, and a mark where the source had changes beside the commit. next is the version that the source leads to,
// as the file VERSION says it.
func Version(release, next string) string {
	if release != "" {
		return release
	}
	development := strings.TrimSpace(next) + "-dev"
	if info, ok := debug.ReadBuildInfo(); ok {
		commit, modified := "", ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && len(s.Value) >= 12:
				commit = "+" + s.Value[:12]
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = ".modified"
			}
		}
		if commit != "" {
			return development + commit + modified
		}
	}
	return development
}

func (p Program) printVersion() error {
	_, err := fmt.Fprintln(p.Stdout, "chattok", p.Version)
	return err
}
