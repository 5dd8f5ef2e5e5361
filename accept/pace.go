package accept

import (
	"context"
	"time"

	"chattok/internal/backoff"
)

// Requests that an address begins: those above the rate wait. Whatever is cheap, such as a probe or a page, is answered as fast as it is
// asked for otherwise, by as many connections and streams as the client has, while everybody waits for a processor. A browser that opens
// the page asks some thirty times.
const (
	maxRequestRate = 2000 // in a second
	burst          = 0.5  // seconds of it at once: more would be ready at the same time, before everybody else
	longestPace    = 5 * time.Second
)

// pace waits while the connection's address asks faster than it may; false where ctx is done first.
func (c *conn) pace(ctx context.Context) bool {
	now, wait := time.Now(), time.Duration(0)
	for _, p := range c.of {
		if owed := -p.requests.TokensAt(now) / float64(p.requests.Limit()); owed >= longestPace.Seconds() {
			wait = longestPace // and owes no more: requests that were given up would keep those of the same network waiting for minutes
			continue
		}
		wait = max(wait, p.requests.ReserveN(now, 1).DelayFrom(now))
	}
	return wait <= 0 || backoff.Sleep(wait, ctx.Done())
}
