package transport

import (
	"context"
	"time"

	"chattok/internal/backoff"
)

// sleep waits for a time; false where ctx is done first.
func sleep(ctx context.Context, d time.Duration) bool { return backoff.Sleep(d, ctx.Done()) }
