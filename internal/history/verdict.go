package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rule names what a history can break.
type Rule string

const (
	Hole       Rule = "hole"        // the log's numbers are not 1 … n
	Invented   Rule = "invented"    // the log, an answer or a reader has what nobody asked for
	Altered    Rule = "altered"     // an entry's text or sender is not what was asked for, or not what the log has
	Lost       Rule = "lost"        // an answered add is not in the log
	Doubled    Rule = "doubled"     // an add is in the log twice
	Renumbered Rule = "renumbered"  // an answered add is in the log under another number
	Overtaken  Rule = "overtaken"   // an add that was known before another began has the larger number
	Phantom    Rule = "phantom"     // a reader has an entry that is not in the log
	Foreseen   Rule = "foreseen"    // a reader has an entry from before anyone asked for it
	Skipped    Rule = "skipped"     // a subscriber did not get an entry between two that it got
	SeenTwice  Rule = "seen twice"  // a subscriber got an entry again, or an older one after a newer one
	Replayed   Rule = "replayed"    // a subscriber from now on got an entry that was known before it subscribed
	Unfinished Rule = "unfinished"  // a subscriber that waited for the whole log did not get its end
	Stale      Rule = "stale"       // latestChatEntry is older than what was known before it was asked
	Mistaken   Rule = "mistaken"    // latestChatEntry is someone else's
	Misheard   Rule = "misheard"    // a signal that was never sent, or came before it was
	Astray     Rule = "astray"      // a signal came to someone it was not for
	HeardTwice Rule = "heard twice" // a signal came again
	Disordered Rule = "disordered"  // a sender's signals came in another order
	Unheard    Rule = "unheard"     // a signal that had to arrive did not
	Impossible Rule = "impossible"  // a change of presence that can't follow from those before
	Disagreed  Rule = "disagreed"   // watchers were told different reasons for one end
	Diverged   Rule = "diverged"    // a watcher or a node has another roster in the end than who is there
)

// shown is how many violations of one rule a Verdict spells out.
const shown = 10

// Violation is one way in which a history is wrong.
type Violation struct {
	Rule   Rule
	Detail string
}

func (v Violation) String() string { return string(v.Rule) + ": " + v.Detail }

// Counts are how much a Verdict rests on.
type Counts struct {
	Adds, Answered, Unanswered int // what was asked
	Stored                     int // of the unanswered: those that the log has all the same
	Entries                    int // in the log
	Subscribers, Resumes, Seen int
	Latest                     int
	Signals, Heard             int
	Changes                    int // events of presence
}

// Plus returns the sums of two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Adds + d.Adds, c.Answered + d.Answered, c.Unanswered + d.Unanswered, c.Stored + d.Stored,
		c.Entries + d.Entries, c.Subscribers + d.Subscribers, c.Resumes + d.Resumes, c.Seen + d.Seen, c.Latest + d.Latest,
		c.Signals + d.Signals, c.Heard + d.Heard, c.Changes + d.Changes}
}

func (c Counts) String() string {
	return fmt.Sprintf("%d adds (%d answered, %d not, of which %d stored), %d entries, %d subscribers (%d resumes) saw %d, "+
		"%d latest, %d signals heard %d times, %d changes of presence", c.Adds, c.Answered, c.Unanswered, c.Stored,
		c.Entries, c.Subscribers, c.Resumes, c.Seen, c.Latest, c.Signals, c.Heard, c.Changes)
}

// Verdict is what Check found.
type Verdict struct {
	Counts
	Broken     map[Rule]int // how often each rule is broken; empty for a history that holds
	Violations []Violation  // the first few of each rule
}

// Holds says whether no rule is broken.
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

// seconds writes a time as it is best read beside others.
func seconds(t time.Duration) string { return fmt.Sprintf("%.3fs", t.Seconds()) }
