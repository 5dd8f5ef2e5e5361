package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// asked is a question that waits for the test's answer.
type asked struct {
	sessionID string
	bodies    []string
	answer    chan []Verdict // nil: a failure
}

// askingReviewer hands each question to the test.
type askingReviewer chan asked

func (r askingReviewer) Review(ctx context.Context, sessionID string, drafts []Draft) ([]Verdict, error) {
	q := asked{sessionID: sessionID, answer: make(chan []Verdict)}
	for _, d := range drafts {
		q.bodies = append(q.bodies, d.Body)
	}
	select {
	case r <- q:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case verdicts := <-q.answer:
		if verdicts == nil {
			return nil, errors.New("no answer")
		}
		return verdicts, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q asked) allow() {
	verdicts := make([]Verdict, len(q.bodies))
	for i := range verdicts {
		verdicts[i].Action = VerdictAllow
	}
	q.answer <- verdicts
}

// reviewCounts are a Reviewer's figures.
type reviewCounts struct {
	noMetrics
	mu                         sync.Mutex
	questions, refused, failed int
}

func (c *reviewCounts) Reviewed(drafts, refused, failed int, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if drafts > 0 {
		c.questions++
	}
	c.refused, c.failed = c.refused+refused, c.failed+failed
}

// reviewBench is reviews whose drafts are not written but listed.
type reviewBench struct {
	*reviews
	asked   askingReviewer
	counts  *reviewCounts
	posters sync.WaitGroup

	mu      sync.Mutex
	written map[string][]string // by session
	errs    map[string]error    // by body
}

func newReviewBench(limit, bytes int) *reviewBench {
	b := &reviewBench{asked: make(askingReviewer), counts: &reviewCounts{}, written: make(map[string][]string), errs: make(map[string]error)}
	b.reviews = newReviews(Config{Reviewer: b.asked, Metrics: b.counts, Log: slog.New(slog.DiscardHandler), ReviewLimit: limit,
		ReviewBytes: bytes}.withDefaults(), newBackground())
	return b
}

// end ends what is under way, and waits for all that posted.
func (b *reviewBench) end() {
	b.stop()
	b.posters.Wait()
	b.background.end()
}

// post posts a body, and returns when it waits or is refused.
func (b *reviewBench) post(sessionID, body string) {
	b.posters.Go(func() {
		err := b.do(context.Background(), sessionID, Draft{Kind: DraftEntry, Body: body}, func(text string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.written[sessionID] = append(b.written[sessionID], text)
			return nil
		})
		b.mu.Lock()
		defer b.mu.Unlock()
		b.errs[body] = err
	})
	synctest.Wait()
}

// TestReviewsGather: what comes while a question is under way is the next one, in order; another session does not wait for it.
func TestReviewsGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReviewBench(1000, 1<<30)
		defer b.end()
		b.post("a", "0")
		first := <-b.asked
		var want []string
		for i := 1; i <= MaxReviewDrafts+1; i++ {
			b.post("a", fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
		}
		b.post("b", "other")
		other := <-b.asked
		other.allow()
		synctest.Wait()
		if other.sessionID != "b" || !slices.Equal(b.written["b"], []string{"other"}) || len(b.written["a"]) != 0 {
			t.Errorf("%+v is asked about, and written are %v", other, b.written)
		}
		first.allow()
		second := <-b.asked
		if !slices.Equal(second.bodies, want[:MaxReviewDrafts]) {
			t.Errorf("the second question is about %v", second.bodies)
		}
		second.allow()
		third := <-b.asked
		third.allow()
		b.posters.Wait()
		if !slices.Equal(b.written["a"], append([]string{"0"}, want...)) {
			t.Errorf("written are %v", b.written["a"])
		}
		synctest.Wait()
		if b.waiting() != 0 || b.bytes != 0 || len(b.sessions) != 0 {
			t.Errorf("%d drafts of %d bytes are left, in %d sessions", b.drafts, b.bytes, len(b.sessions))
		}
	})
}

// TestReviewsBytes: a question has a bound in bytes, and one draft at least.
func TestReviewsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReviewBench(1000, 1<<30)
		defer b.end()
		b.post("a", "0")
		first := <-b.asked
		large := strings.Repeat("x", maxReviewBytes/2)
		for i, text := range []string{large, large, "small", large + large} {
			b.post("a", fmt.Sprint(i, text))
		}
		first.allow()
		var sizes []int
		for range 3 {
			q := <-b.asked
			sizes = append(sizes, len(q.bodies))
			q.allow()
		}
		if !slices.Equal(sizes, []int{1, 2, 1}) {
			t.Errorf("questions about %v drafts", sizes)
		}
	})
}

// TestReviewsShare: a session of which many wait leaves room for every other.
func TestReviewsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReviewBench(8, 1<<30)
		defer b.end()
		refused := func(sessionID string, posts int) (n int) {
			for i := range posts {
				body := fmt.Sprint(sessionID, i)
				b.post(sessionID, body)
				if e, ok := errors.AsType[*Error](b.errs[body]); ok && e.Code == CodeUnavailable && e.RetryAfter > 0 && e.Reason == "" {
					n++
				}
			}
			return n
		}
		for _, c := range []struct {
			session     string
			posts, want int
		}{{"a", 10, 6}, {"b", 10, 8}, {"c", 10, 9}, {"d", 10, 9}, {"e", 1, 1}} {
			if got := refused(c.session, c.posts); got != c.want {
				t.Errorf("%s: %d of %d are refused, want %d", c.session, got, c.posts, c.want)
			}
		}
		for range 4 {
			(<-b.asked).allow()
		}
		for b.waiting() > 0 {
			select {
			case q := <-b.asked:
				q.allow()
			default:
			}
			synctest.Wait()
		}
		if got := refused("f", 1); got != 0 {
			t.Error("there is no room when all are answered")
		}
		(<-b.asked).allow()
	})
}

// TestReviewsShareBytes: the same goes for bytes.
func TestReviewsShareBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReviewBench(1000, 64<<10)
		defer b.end()
		large := strings.Repeat("x", 12<<10)
		for i, want := range []bool{true, true, true, false} {
			body := fmt.Sprint(i, large)
			b.post("a", body)
			if taken := b.errs[body] == nil; taken != want {
				t.Errorf("post %d: %v", i, b.errs[body])
			}
		}
		if b.post("b", "b"+large); b.errs["b"+large] != nil {
			t.Errorf("another session: %v", b.errs["b"+large])
		}
	})
}

// TestReviewsTooManySessions: there is a bound on the questions that are under way.
func TestReviewsTooManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReviewBench(1<<20, 1<<30)
		defer b.end()
		for i := range maxReviewed {
			b.post(fmt.Sprint(i), fmt.Sprint(i))
		}
		b.post("more", "more")
		if CodeOf(b.errs["more"]) != CodeUnavailable || len(b.sessions) != maxReviewed {
			t.Errorf("%v; there are %d sessions", b.errs["more"], len(b.sessions))
		}
		if b.post("7", "again"); b.errs["again"] != nil {
			t.Errorf("a session that waits: %v", b.errs["again"])
		}
	})
}

// TestReviewsTimeout: a question has 2 s. A draft that comes during it gets a question of its own, and one that has waited for 2 s
// for its question gets none: nobody waits for more than 4 s.
func TestReviewsTimeout(t *testing.T) {
	for _, allow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newReviewBench(1000, 1<<30)
			b.allowFailed = allow
			defer b.end()
			begun := time.Now()
			b.post("a", "first")
			first := <-b.asked
			time.Sleep(time.Second)
			for i := range MaxReviewDrafts + 1 {
				b.post("a", fmt.Sprint(i))
			}
			second := <-b.asked // 2 s after the first has come
			if len(first.bodies) != 1 || len(second.bodies) != MaxReviewDrafts || time.Since(begun) != 2*time.Second {
				t.Errorf("questions about %d and %d drafts, after %v", len(first.bodies), len(second.bodies), time.Since(begun))
			}
			b.posters.Wait()
			if time.Since(begun) != 4*time.Second {
				t.Errorf("they waited %v", time.Since(begun))
			}
			for body, err := range b.errs {
				e, _ := errors.AsType[*Error](err)
				if allow != (err == nil) || !allow && (e.Code != CodeUnavailable || e.Reason != ReasonNotReviewed || e.RetryAfter <= 0) {
					t.Errorf("%s: %v", body, err)
				}
			}
			if written := len(b.written["a"]); allow && written != MaxReviewDrafts+2 || !allow && written != 0 {
				t.Errorf("%d are written", written)
			}
			synctest.Wait()
			if b.counts.questions != 2 || b.counts.failed != MaxReviewDrafts+2 || b.counts.refused != 0 {
				t.Errorf("counts %d %d %d", b.counts.questions, b.counts.failed, b.counts.refused)
			}
		})
	}
}

// TestReviewsVerdicts: each draft has its own verdict, and one that is none fails alone.
func TestReviewsVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReviewBench(1000, 1<<30)
		defer b.end()
		b.post("a", "0")
		first := <-b.asked
		for _, body := range []string{"1", "2", "3", "4", "5", "6"} {
			b.post("a", body)
		}
		first.answer <- []Verdict{} // too few
		(<-b.asked).answer <- []Verdict{{Action: VerdictAllow}, {Action: VerdictRefuse, Message: "no"}, {Action: VerdictReplace, Body: "three"},
			{Action: VerdictReplace, Body: " "}, {}, {Action: VerdictReplace, Body: strings.Repeat("x", MaxBodyBytes+1)}}
		b.posters.Wait()
		got := map[string]string{}
		for body, err := range b.errs {
			if e, ok := errors.AsType[*Error](err); ok {
				got[body] = string(e.Code) + " " + e.Reason
			}
		}
		const failed = "UNAVAILABLE NOT_REVIEWED"
		want := map[string]string{"0": failed, "2": "FORBIDDEN REFUSED", "4": failed, "5": failed, "6": failed}
		if fmt.Sprint(got) != fmt.Sprint(want) || !slices.Equal(b.written["a"], []string{"1", "three"}) {
			t.Errorf("%v, want %v; written are %v", got, want, b.written["a"])
		}
		synctest.Wait()
		if b.counts.questions != 2 || b.counts.failed != 4 || b.counts.refused != 1 {
			t.Errorf("counts %d %d %d", b.counts.questions, b.counts.failed, b.counts.refused)
		}
	})
}

// TestReviewsStop: the end of the service ends the questions, and refuses what waits and what comes.
func TestReviewsStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReviewBench(1000, 1<<30)
		b.allowFailed = true
		b.post("a", "asked about")
		<-b.asked
		b.post("a", "waits")
		b.end()
		b.post("a", "late")
		b.posters.Wait()
		for body, err := range b.errs {
			if CodeOf(err) != CodeUnavailable || err.Error() != errStopping().Error() {
				t.Errorf("%s: %v", body, err)
			}
		}
		if len(b.errs) != 3 || len(b.written) != 0 || b.counts.failed != 0 {
			t.Errorf("%v; written are %v; %d failed", b.errs, b.written, b.counts.failed)
		}
	})
}

// panickingReviewer breaks.
type panickingReviewer struct{}

func (panickingReviewer) Review(context.Context, string, []Draft) ([]Verdict, error) { panic("broken") }

// TestReviewsPanic: a Reviewer that panics has failed.
func TestReviewsPanic(t *testing.T) {
	b := newReviewBench(1000, 1<<30)
	defer b.end()
	b.reviewer = panickingReviewer{}
	err := b.do(t.Context(), "a", Draft{Kind: DraftEntry, Body: "x"}, func(string) error { return nil })
	if e, ok := errors.AsType[*Error](err); !ok || e.Reason != ReasonNotReviewed {
		t.Errorf("%v", err)
	}
}

// TestRefused: a message from outside is text of one line, and not long.
func TestRefused(t *testing.T) {
	for message, want := range map[string]string{
		"no": "no", "": "this was refused", " \n\t ": "this was refused",
		"a\nb\r\n\x00c\x1bd\u2028e\u0085f": "a b c d e f",
		"a\xffb":                           "a\uFFFDb",
		"\u202eevil\u2066":                 "evil",
		strings.Repeat("x", 300):           strings.Repeat("x", 256),
		strings.Repeat("é", 200):           strings.Repeat("é", 128),
		"x" + strings.Repeat("é", 200):     "x" + strings.Repeat("é", 127),
		strings.Repeat("x", 255) + " y":    strings.Repeat("x", 255),
	} {
		if e := refused(message); e.Message != want || e.Code != CodeForbidden || e.Reason != ReasonRefused {
			t.Errorf("%q: %q, want %q", message, e.Message, want)
		}
	}
}
