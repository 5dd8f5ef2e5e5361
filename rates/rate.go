package rates

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Kind is a resource with a rate of its own.
type Kind uint8

const (
	Posts         Kind = iota // addChatEntry, changes of entries, and markRead
	PostBytes                 // bytes of the arguments of addChatEntry, editChatEntry and setData, and of the entry that is reacted to
	Signals                   // sendSignal
	Negotiations              // negotiate
	MessageBytes              // bytes of signals and negotiations
	Connects                  // connect; its rate is an address's, and is not multiplied by Limits.AddressTimes
	RosterChanges             // publishing, updating, ending and muting streams, setData, forceDisconnect, bans and updateSession
	Subscriptions             // subscriptions that begin
	Processor                 // microseconds spent on reading and executing operations
	Frames                    // frames read from WebSockets; a faster client is read later, not refused
	kinds
)

// Kinds returns every Kind.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String names the kind as error messages do.
func (k Kind) String() string {
	return [...]string{"posts", "bytes of posts", "signals", "negotiations", "bytes of signals and negotiations", "connects",
		"changes of streams and connections", "subscriptions", "processor time", "frames"}[k]
}

// Rate limits a kind: PerSecond in the long run, and Burst at once after a quiet time. The zero Rate is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Unlimited reports whether r is no limit.
func (r Rate) Unlimited() bool { return r.PerSecond == 0 }

// times returns the rate of n callers together.
func (r Rate) times(n int) Rate {
	return Rate{r.PerSecond * float64(n), int(min(float64(r.Burst)*float64(n), math.MaxInt32))}
}

func (r Rate) limiter() *rate.Limiter { return rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst) }

// Default returns the default rate of a kind for one connection, and of Connects for one address. People stay far below it;
// docs/decisions/rates.md says how far.
func Default(k Kind) Rate {
	return [kinds]Rate{
		Posts:         {50, 500},
		PostBytes:     {128 << 10, 4 << 20},
		Signals:       {50, 500},
		Negotiations:  {100, 3_000},
		MessageBytes:  {512 << 10, 32 << 20},
		Connects:      {20, 1_000},
		RosterChanges: {20, 300},
		Subscriptions: {20, 600},
		Processor:     {250_000, 10_000_000},
		Frames:        {500, 5_000},
	}[k]
}

// Parse reads a rate as an operator writes it: an amount per second, a comma, and the burst, as in "50/s,500",
// "128KiB/s,4MiB" or, for Processor, "250ms/s,10s". "off" is no limit.
func Parse(k Kind, text string) (r Rate, err error) {
	if text == "off" {
		return Rate{}, nil
	}
	perSecond, burst, ok := strings.Cut(text, ",")
	perSecond, slash := strings.CutSuffix(strings.TrimSpace(perSecond), "/s")
	if ok && slash {
		if r.PerSecond, err = amount(k, perSecond); err == nil {
			var most float64
			most, err = amount(k, strings.TrimSpace(burst))
			r.Burst = int(most)
		}
	}
	if !ok || !slash || err != nil || r.PerSecond <= 0 || r.Burst < 1 {
		return Rate{}, fmt.Errorf("%q is not a rate, such as %q, or off", text, Default(k).text(k))
	}
	return r, nil
}

// amount parses a number of k: bytes may have a unit, and times are returned in microseconds.
func amount(k Kind, text string) (float64, error) {
	if k == Processor {
		d, err := time.ParseDuration(text)
		if err == nil && d > math.MaxInt32*time.Microsecond {
			err = strconv.ErrRange
		}
		return float64(d.Microseconds()), err
	}
	unit := 1.0
	for i, suffix := range []string{"KiB", "MiB", "GiB"} {
		if number, ok := strings.CutSuffix(text, suffix); ok && (k == PostBytes || k == MessageBytes) {
			text, unit = number, float64(int(1024)<<(10*i))
			break
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if n *= unit; err == nil && !(n <= math.MaxInt32) {
		err = strconv.ErrRange
	}
	return n, err
}

// text formats the rate as Parse reads it.
func (r Rate) text(k Kind) string {
	if r.Unlimited() {
		return "off"
	}
	return formatAmount(k, r.PerSecond) + "/s," + formatAmount(k, float64(r.Burst))
}

// formatAmount is the inverse of amount.
func formatAmount(k Kind, n float64) string {
	switch {
	case k == Processor:
		return (time.Duration(n) * time.Microsecond).String()
	case k != PostBytes && k != MessageBytes:
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	for _, unit := range []struct {
		bytes  float64
		suffix string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.bytes && math.Mod(n, unit.bytes) == 0 {
			return strconv.FormatFloat(n/unit.bytes, 'f', -1, 64) + unit.suffix
		}
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// Limits hold a rate for each kind.
type Limits struct {
	Rates [kinds]Rate // of one connection; of Connects, of one address
	// AddressTimes a connection's rate is the rate of an address: many people may share one.
	AddressTimes int
}

// DefaultAddressTimes is the default of Limits.AddressTimes.
const DefaultAddressTimes = 20

// DefaultLimits returns Limits with every default.
func DefaultLimits() Limits {
	l := Limits{AddressTimes: DefaultAddressTimes}
	for _, k := range Kinds() {
		l.Rates[k] = Default(k)
	}
	return l
}

// Flag makes a Rate a flag.Value.
type Flag struct {
	Kind Kind
	Rate *Rate
}

// Set implements flag.Value.
func (f Flag) Set(text string) (err error) {
	*f.Rate, err = Parse(f.Kind, text)
	return err
}

// String implements flag.Value.
func (f Flag) String() string {
	if f.Rate == nil {
		return ""
	}
	return f.Rate.text(f.Kind)
}
