package archive

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

// sample is an export with everything that a page shows, and texts that would be harmful as HTML.
const sample = `{"type":"chattok","format":1,"session":"ro~om"}
{"type":"session","id":"ro~om","epoch":"7","mediaMode":"RELAYED","tokenRequired":false,"createdAt":"2026-01-31T12:00:00.000Z","slowModeMs":0,"readOnly":false,"settingsRevision":0}
{"type":"connection","id":"a","role":"PUBLISHER","userId":"u\"1","data":"<script>alert(1)</script>","guest":false}
{"type":"connection","id":"b","role":"PUBLISHER","data":"{\"name\":\"Bob &amp; co\"}","guest":false}
{"type":"entry","id":"x1","seq":1,"place":1,"connectionId":"a","userId":"u\"1","body":"<img src=x onerror=alert(1)>\n\"two\" & 'lines'","createdAt":"2026-01-31T12:00:01.000Z","version":2,"editedAt":"2026-01-31T12:00:02.000Z","reactions":[["<b>",2],["🎈",1]]}
{"type":"entry","id":"x2","seq":2,"place":2,"connectionId":"b","body":"","createdAt":"2026-01-31T12:00:03.000Z","version":2,"deletedAt":"2026-01-31T12:00:04.000Z","deletedBy":"a"}
{"type":"entry","id":"x3","seq":3,"place":3,"connectionId":"lost","body":"</p></li></main>","data":"</style>","createdAt":"2026-01-31T12:00:05.000Z","version":1,"replyTo":1}
{"type":"reaction","seq":1,"connectionId":"a","name":"<b>","place":1,"ordinal":0}
{"type":"sessionEnd","entries":3,"place":3,"revision":0,"bytes":1}
{"type":"end"}
`

// TestHTML: a page has every text as text, and may do nothing but show itself.
func TestHTML(t *testing.T) {
	var b strings.Builder
	if err := HTML(strings.NewReader(sample), &b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	from, to := strings.Index(page, "<section"), strings.Index(page, "</section>")
	const want = `<section aria-labelledby="s1">
<h2 id="s1">ro~om</h2>
<p class="meta">made <time datetime="2026-01-31T12:00:00.000Z">2026-01-31 12:00:00 UTC</time></p>
<ol>
<li id="s1e1"><bdi class="by" title="user u&#34;1">&lt;script&gt;alert(1)&lt;/script&gt;</bdi> <time datetime="2026-01-31T12:00:01.000Z">2026-01-31 12:00:01 UTC</time> <a class="meta" href="#s1e1">#1</a> <span class="meta">edited <time datetime="2026-01-31T12:00:02.000Z">2026-01-31 12:00:02 UTC</time></span>
<p class="text" dir="auto">&lt;img src=x onerror=alert(1)&gt;
&#34;two&#34; &amp; &#39;lines&#39;</p>
<p class="reactions"><span><bdi>&lt;b&gt;</bdi> 2</span><span><bdi>🎈</bdi> 1</span></p>
</li>
<li id="s1e2"><bdi class="by">Bob &amp;amp; co</bdi> <time datetime="2026-01-31T12:00:03.000Z">2026-01-31 12:00:03 UTC</time> <a class="meta" href="#s1e2">#2</a>
<p class="gone">deleted <time datetime="2026-01-31T12:00:04.000Z">2026-01-31 12:00:04 UTC</time> by <bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi></p>
</li>
<li id="s1e3"><bdi class="by">lost</bdi> <time datetime="2026-01-31T12:00:05.000Z">2026-01-31 12:00:05 UTC</time> <a class="meta" href="#s1e3">#3</a>
<p class="meta">answers <a href="#s1e1">#1</a> of <bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi></p>
<p class="text" dir="auto">&lt;/p&gt;&lt;/li&gt;&lt;/main&gt;</p>
<p class="data" dir="auto">&lt;/style&gt;</p>
</li>
</ol>
<p class="meta">3 entries</p>
`
	if from < 0 || to < from || page[from:to] != want {
		t.Errorf("the session is\n%s", page[from:to])
	}
	// The policy allows this style alone.
	_, rest, _ := strings.Cut(page, "<style>")
	css, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(css))
	policy := `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'">`
	if !strings.Contains(page, policy) || strings.Count(page, "<style") != 1 || strings.Contains(page, " style=") || strings.Contains(page, "<script") {
		t.Errorf("the page begins with\n%.600s", page)
	}
	for _, part := range []string{"<!doctype html>\n<html lang=\"en\">", "<title>Session ro~om</title>", "prefers-color-scheme: dark"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	if !strings.HasSuffix(page, "</section>\n</main>\n</body>\n</html>\n") {
		t.Errorf("the page ends with %q", page[len(page)-60:])
	}
}

// TestNames: a connection is called by its data, or the name in it.
func TestNames(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		data *string
		want string
	}{
		{nil, "id"}, {text(""), "id"}, {text("  Ann\n B. "), "Ann B."}, {text(`{"displayName":"Ann"}`), "Ann"}, {text(`{"color":1}`), "id"},
		{text("{not JSON"), "{not JSON"}, {text(strings.Repeat("ä", 81)), strings.Repeat("ä", 80) + "…"},
	} {
		if got := nameOf("id", c.data); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
