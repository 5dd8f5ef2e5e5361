package edge

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// refusalPause is the least time between two warnings of refused origins.
	refusalPause = time.Minute
	// loggedOriginBytes bounds an origin in the log.
	loggedOriginBytes = 200
)

// refusals warns of refused origins: a page that its operator forgot to allow looks like a server that is down. Clients choose
// what they send as their origin, so there is one warning a minute, of a bounded length.
type refusals struct {
	log  *slog.Logger
	now  func() time.Time
	told func() // may be nil

	mu     sync.Mutex
	warned time.Time // zero: never
	since  int       // refusals that were not told of since
}

// note counts the refusal of a request's origin, and warns of it.
func (f *refusals) note(r *http.Request) {
	if f.told != nil {
		f.told()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if !f.warned.IsZero() && now.Sub(f.warned) < refusalPause {
		f.since++
		return
	}
	f.log.Warn("a page's origin is refused; CHATTOK_ORIGINS lists the origins of other hosts that may use the server",
		"origin", printable(strings.Join(r.Header["Origin"], ", ")), "host", printable(r.Host), "others_refused", f.since)
	f.warned, f.since = now, 0
}

// printable returns a text of a client's in ASCII without control characters, cut where it is long.
func printable(text string) string {
	if len(text) > loggedOriginBytes {
		text = text[:loggedOriginBytes] + "…"
	}
	quoted := strconv.QuoteToASCII(text)
	return quoted[1 : len(quoted)-1]
}
