package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rule is a property of correct histories.
type Rule string

const (
	Hole       Rule = "hole"        // the log's numbers are not 1 … n, or its events are not those of its entries
	Invented   Rule = "invented"    // the log, an answer or a reader has an entry that was not asked for
	Altered    Rule = "altered"     // an entry's text or sender is not that of its add, or not that of the log
	Lost       Rule = "lost"        // an answered add is not in the log
	Doubled    Rule = "doubled"     // an add is in the log twice, or a change happened twice
	Renumbered Rule = "renumbered"  // an answered add is in the log under another number
	Overtaken  Rule = "overtaken"   // an add or a change that was known before another began has the later place
	Phantom    Rule = "phantom"     // a reader has an entry, or a version of one, that is not in the log
	Foreseen   Rule = "foreseen"    // a reader has an entry from before its add, or a change from before it was asked for
	Skipped    Rule = "skipped"     // a subscriber did not get an entry, or an event that was not superseded, between two that it got
	SeenTwice  Rule = "seen twice"  // a subscriber got an entry again, or an older one after a newer one
	Replayed   Rule = "replayed"    // a subscriber from now on got an entry that was known before it subscribed
	Unfinished Rule = "unfinished"  // a subscriber that waited for the whole log did not get its end
	Stale      Rule = "stale"       // an answer lacks an entry that was known before it was asked for
	Mistaken   Rule = "mistaken"    // latestChatEntry is another sender's, or deleted; chatEntry is another entry
	Unedited   Rule = "unedited"    // an entry is older than a change that was known before the answer was asked for, or the reader began
	Undeleted  Rule = "undeleted"   // an entry has its text after its deletion was known, or in a later version
	Backwards  Rule = "backwards"   // a reader got an older version of an entry, or an earlier place, after a newer one
	Unordered  Rule = "unordered"   // readers got the log's events in different orders
	Unequal    Rule = "unequal"     // a reader that had the time has another version of an entry in the end than the log
	Miscounted Rule = "miscounted"  // a reaction's count is not that of those who react so
	Early      Rule = "early"       // an entry was removed before its time
	Untrue     Rule = "untrue"      // a reader was told that an entry was removed that is still there
	Misheard   Rule = "misheard"    // a signal that was never sent, or came before it was sent
	Astray     Rule = "astray"      // a signal came to a connection that it was not for
	HeardTwice Rule = "heard twice" // a signal came again
	Disordered Rule = "disordered"  // a sender's signals came in another order
	Unheard    Rule = "unheard"     // a signal that had to arrive did not
	Impossible Rule = "impossible"  // a presence event that can't follow from those before
	Disagreed  Rule = "disagreed"   // watchers were told different reasons for the end of one connection
	Diverged   Rule = "diverged"    // a watcher or a node has another roster in the end than the connections that are there
)

// shown is how many violations of one rule a Verdict lists.
const shown = 10

// Violation is one violation of a rule.
type Violation struct {
	Rule   Rule
	Detail string
}

func (v Violation) String() string { return string(v.Rule) + ": " + v.Detail }

// Counts are the numbers that a Verdict rests on.
type Counts struct {
	Adds, Answered, Unanswered int // adds
	Stored                     int // unanswered adds that the log has
	Entries                    int // in the log
	Subscribers, Resumes, Seen int
	Latest                     int
	Signals, Heard             int
	Changes                    int // presence events
	// EntryChanges were asked for and Changed of them answered; LogReaders got Events.
	EntryChanges, Changed, LogReaders, Events int
	Reads                                     int // pages, and answers of chatEntry
	FeedReaders, Fed                          int // readers of the feed of all sessions got Fed events
}

// Plus returns the sums of two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Adds + d.Adds, c.Answered + d.Answered, c.Unanswered + d.Unanswered, c.Stored + d.Stored,
		c.Entries + d.Entries, c.Subscribers + d.Subscribers, c.Resumes + d.Resumes, c.Seen + d.Seen, c.Latest + d.Latest,
		c.Signals + d.Signals, c.Heard + d.Heard, c.Changes + d.Changes, c.EntryChanges + d.EntryChanges, c.Changed + d.Changed,
		c.LogReaders + d.LogReaders, c.Events + d.Events, c.Reads + d.Reads,
		c.FeedReaders + d.FeedReaders, c.Fed + d.Fed}
}

func (c Counts) String() string {
	return fmt.Sprintf("%d adds (%d answered, %d not, of which %d stored), %d entries, %d subscribers (%d resumes) saw %d, "+
		"%d latest, %d signals heard %d times, %d changes of presence, %d changes of entries (%d answered), %d readers of the log had %d events, "+
		"%d reads, %d readers of the feed had %d events", c.Adds, c.Answered, c.Unanswered, c.Stored, c.Entries, c.Subscribers, c.Resumes, c.Seen, c.Latest, c.Signals, c.Heard,
		c.Changes, c.EntryChanges, c.Changed, c.LogReaders, c.Events, c.Reads, c.FeedReaders, c.Fed)
}

// Verdict is the result of Check.
type Verdict struct {
	Counts
	Broken     map[Rule]int // how often each rule is broken; empty for a history that holds
	Violations []Violation  // the first few of each rule
}

// Holds says whether no rule is violated.
func (v *Verdict) Holds() bool { return len(v.Broken) == 0 }

func (v *Verdict) String() string {
	var b strings.Builder
	if v.Holds() {
		b.WriteString("holds")
	}
	for i, rule := range slices.Sorted(maps.Keys(v.Broken)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", v.Broken[rule], rule)
	}
	fmt.Fprintf(&b, "; %s", v.Counts)
	for _, violation := range v.Violations {
		fmt.Fprintf(&b, "\n  %s", violation)
	}
	return b.String()
}

func (v *Verdict) breaks(rule Rule, format string, args ...any) {
	if v.Broken == nil {
		v.Broken = make(map[Rule]int)
	}
	if v.Broken[rule]++; v.Broken[rule] <= shown {
		v.Violations = append(v.Violations, Violation{rule, fmt.Sprintf(format, args...)})
	}
}

// seconds writes a time so that it is easily compared with others.
func seconds(t time.Duration) string { return fmt.Sprintf("%.3fs", t.Seconds()) }
