package rates

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Kind is something that is limited.
type Kind uint8

const (
	Posts         Kind = iota // addChatEntry
	PostBytes                 // of what is posted
	Signals                   // sendSignal
	Negotiations              // negotiate
	MessageBytes              // of signals and negotiations
	Connects                  // connect, by address
	RosterChanges             // streams that are published, updated, ended and muted, and forceDisconnect
	Subscriptions             // that begin
	Processor                 // microseconds of reading and executing operations
	Frames                    // that are read from WebSockets; what is faster is read later, and not refused
	kinds
)

// Kinds are all of them.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String names what is limited for an error.
func (k Kind) String() string {
	return [...]string{"posts", "bytes of posts", "signals", "negotiations", "bytes of signals and negotiations", "connects",
		"changes of streams and connections", "subscriptions", "processor time", "frames"}[k]
}

// Rate is how much of a kind there may be: so much a second, and so much at once by those who have done nothing for a
// while. The zero Rate is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Unlimited says that there is no limit.
func (r Rate) Unlimited() bool { return r.PerSecond == 0 }

// times is the rate for so many.
func (r Rate) times(n int) Rate {
	return Rate{r.PerSecond * float64(n), int(min(float64(r.Burst)*float64(n), math.MaxInt32))}
}

func (r Rate) limiter() *rate.Limiter { return rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst) }

// Default returns the rate of a kind for one connection; of Connects for one address. People stay far below: see
// docs/decisions/rates.md.
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

// Parse reads a rate as an operator writes it: so much a second, and behind a comma so much at once, such as "50/s,500",
// "128KiB/s,4MiB" or, of the Processor, "250ms/s,10s"; "off" is no limit.
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

// amount reads a number, of bytes with a unit, and of time in microseconds.
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

// text writes the rate as Parse reads it.
func (r Rate) text(k Kind) string {
	if r.Unlimited() {
		return "off"
	}
	return write(k, r.PerSecond) + "/s," + write(k, float64(r.Burst))
}

func write(k Kind, n float64) string {
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

// Limits are the rates of all kinds.
type Limits struct {
	Rates [kinds]Rate // of one connection, and of Connects of one address
	// Address is how many times the rate of a connection holds for all that comes from one address, for there may be many
	// people behind it.
	Address int
}

// DefaultAddress is the default of Limits.Address.
const DefaultAddress = 20

// DefaultLimits are those of Default.
func DefaultLimits() Limits {
	l := Limits{Address: DefaultAddress}
	for _, k := range Kinds() {
		l.Rates[k] = Default(k)
	}
	return l
}

// Flag is a rate as a flag.Value.
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
