package config

import (
	"flag"
	"fmt"

	"chattok/rates"
)

// rateFlags are the flags of the rates, in the order of the help.
var rateFlags = []struct {
	kind       rates.Kind
	name, text string
}{
	{rates.Posts, "rate-posts", "`rate` of addChatEntry, editChatEntry, deleteChatEntry, reactToChatEntry and markRead of one connection, so many a second and, behind a comma, so many at once; off: no limit. Further ones are refused with RATE_LIMITED and status 429. Each node counts for itself"},
	{rates.PostBytes, "rate-post-bytes", "`rate` of the bytes of the arguments of one connection's addChatEntry, editChatEntry, reactToChatEntry and setData, and of the entries that it reacts to"},
	{rates.Signals, "rate-signals", "`rate` of sendSignal of one connection"},
	{rates.Negotiations, "rate-negotiations", "`rate` of negotiate of one connection"},
	{rates.MessageBytes, "rate-message-bytes", "`rate` of the bytes of one connection's signals and negotiations"},
	{rates.RosterChanges, "rate-roster-changes", "`rate` at which one connection publishes, updates, ends and mutes streams, changes its data, others' roles and the session's settings, and ends and bans connections"},
	{rates.Subscriptions, "rate-subscriptions", "`rate` at which one connection begins subscriptions"},
	{rates.Processor, "rate-processor", "`rate` of the processor time that one connection's queries and new documents take"},
	{rates.Frames, "rate-frames", "`rate` of the frames of one connection's WebSockets, a large one as one for each 16 KiB; faster frames are read later, and not refused"},
	{rates.Connects, "rate-connects", "`rate` of connect from one client address (of an IPv6 one its /64, and ten times as much from its /48), loopback aside"},
}

func (l *Limits) rateFlags(f *flag.FlagSet) {
	l.Rates = rates.DefaultLimits()
	for _, r := range rateFlags {
		f.Var(rates.Flag{Kind: r.kind, Rate: &l.Rates.Rates[r.kind]}, r.name, r.text)
	}
	f.IntVar(&l.Rates.AddressTimes, "rate-address", rates.DefaultAddressTimes, "how many times a connection's rates one client address may use in all, and ten times that an IPv6 /48; loopback aside")
}

func (l *Limits) validateRates() error {
	if l.Rates.AddressTimes < 1 || l.Rates.AddressTimes > 1_000_000 {
		return fmt.Errorf("%w: -rate-address must be 1 to 1,000,000", ErrUsage)
	}
	return nil
}
