package config

import (
	"flag"
	"slices"
	"strings"
)

// prefix begins the names of the settings in the environment.
const prefix = "CHATTOK_"

// withoutFlag lists the variables that the program reads beside those of the server's flags: secrets, and settings of commands that
// use a server's API.
var withoutFlag = []string{SecretVariable, OldSecretVariable, BeforePostSecretVariable, WebhookSecretVariable,
	"CHATTOK_URL", "CHATTOK_SECRET_FILE"}

// ofOthers lists the variables that other programs of this project read, and that may be in a server's environment too: those of
// deploy/, which an env file may share, and those of the tests and benchmarks, which start servers.
var ofOthers = []string{"CHATTOK_HTTP_PORT", "CHATTOK_NODES", "CHATTOK_SITE",
	"CHATTOK_ATTACK_PEOPLE", "CHATTOK_BINARY", "CHATTOK_BUS_OFF", "CHATTOK_CHANGES", "CHATTOK_CHAOS", "CHATTOK_CHAOS_MANY",
	"CHATTOK_CHAOS_PEOPLE", "CHATTOK_CHAOS_SESSIONS", "CHATTOK_CHROMIUM", "CHATTOK_CRASHES", "CHATTOK_ERASURE_ENTRIES", "CHATTOK_EVENT",
	"CHATTOK_FIREFOX", "CHATTOK_PATIENCE", "CHATTOK_POSTGRES_BIN", "CHATTOK_SCREENSHOTS", "CHATTOK_SEED", "CHATTOK_SIEGE", "CHATTOK_SOAK",
	"CHATTOK_STORM", "CHATTOK_WEBHOOK_SOAK"}

// Unknown is a variable of the environment that looks like a setting and is none.
type Unknown struct {
	Name    string
	Nearest string // the setting that may be meant; empty where none is like it
}

// UnknownVariables returns the variables of an environment, as os.Environ gives it, that begin as settings do and are none, by name. A
// misspelt setting is among them: it has no effect.
func UnknownVariables(environ []string) (unknown []Unknown) {
	known := slices.Clone(withoutFlag)
	new(Config).Flags().VisitAll(func(f *flag.Flag) { known = append(known, Variable(f.Name)) })
	var names []string
	for _, pair := range environ {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(known, name) && !others(name, names) {
			unknown = append(unknown, Unknown{Name: name, Nearest: nearest(name, known)})
		}
	}
	return unknown
}

// others says whether a variable is another program's: one of ofOthers; compose.yaml's CHATTOK_ORIGIN beside the setting that it gives;
// or one that Kubernetes makes for a service named chattok (CHATTOK_SERVICE_HOST, CHATTOK_PORT, CHATTOK_PORT_8080_TCP …).
func others(name string, all []string) bool {
	rest := strings.TrimPrefix(name, prefix)
	return slices.Contains(ofOthers, name) || strings.HasPrefix(rest, "TEST_") ||
		name == "CHATTOK_ORIGIN" && slices.Contains(all, "CHATTOK_ORIGINS") ||
		rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_")
}

// nearest returns the known name that differs least from a name, by three letters at most and by fewer than half of them; else "".
func nearest(name string, known []string) (found string) {
	rest := strings.TrimPrefix(name, prefix)
	least := min(3, (len(rest)-1)/2) + 1
	for _, candidate := range known {
		if d := distance(rest, strings.TrimPrefix(candidate, prefix)); d < least {
			found, least = candidate, d
		}
	}
	return found
}

// distance returns how many letters must be put in, left out, replaced or exchanged with their neighbour to make b of a (optimal string
// alignment).
func distance(a, b string) int {
	var before, last []int // the rows of the two letters of a before the present one
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
