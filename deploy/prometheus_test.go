//go:build unix

package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/internal/pgtest"
	"chattok/internal/process"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// prometheusPrograms returns the paths of prometheus and promtool.
func prometheusPrograms(t *testing.T) (prometheus, promtool string) {
	t.Helper()
	var err error
	if prometheus, err = exec.LookPath("prometheus"); err == nil {
		promtool, err = exec.LookPath("promtool")
	}
	if err != nil {
		need.Missing(t, "Prometheus is not installed: run test/install-prometheus.sh")
	}
	return prometheus, promtool
}

// dashboard is the part of grafana-dashboard.json that is checked.
type dashboard struct {
	Panels []struct {
		Title   string
		Type    string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr, LegendFormat string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// alert is an alerting rule of alerts.yml.
type alert struct {
	Alert, Expr string
	Annotations map[string]string
}

func readAlerts(t *testing.T) (alerts []alert) {
	t.Helper()
	text, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		alerts = append(alerts, g.Rules...)
	}
	return alerts
}

// TestAlerts: Prometheus takes the alerts, each of them fires where it is to and not where it is not, and docs/operations.md says what to
// do about each.
func TestAlerts(t *testing.T) {
	_, promtool := prometheusPrograms(t)
	for _, arguments := range [][]string{{"check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"}, {"test", "rules", "testdata/alerts_test.yml"}} {
		if out, err := exec.Command(promtool, arguments...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", arguments, err, out)
		}
	}
	tests, err := os.ReadFile("testdata/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	operations, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range readAlerts(t) {
		if !regexp.MustCompile(`alertname: ` + a.Alert + `\n +exp_alerts:\n`).Match(tests) {
			t.Errorf("no test shows that %s fires", a.Alert)
		}
		if !bytes.Contains(operations, []byte("| `"+a.Alert+"` |")) {
			t.Errorf("docs/operations.md does not say what to do about %s", a.Alert)
		}
	}
}

// TestDashboard: every metric and label that the dashboard and the alerts name is one that servers serve, every metric of the
// servers' own is on the dashboard, and each panel shows data of servers under load in a real Prometheus.
func TestDashboard(t *testing.T) {
	need.Time(t, "servers under load that Prometheus watches")
	prometheus, _ := prometheusPrograms(t)
	servers := startWatched(t)
	served := scrape(t, servers)
	d, alerts := readDashboard(t), readAlerts(t)
	used := map[string]bool{}
	check := func(where, expr, legend string) {
		t.Helper()
		for _, name := range metricNames(expr) {
			used[name] = true
			if served[name] == nil && name != "up" {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
		for _, pair := range labelsOf(expr) {
			if served[pair.metric] != nil && !served[pair.metric][pair.label] {
				t.Errorf("%s: %s has no label %s", where, pair.metric, pair.label)
			}
		}
		for _, label := range regexp.MustCompile(`{{\s*(?:\$labels\.)?(\w+)\s*}}`).FindAllStringSubmatch(legend, -1) {
			if !slices.ContainsFunc(metricNames(expr), func(name string) bool { return served[name][label[1]] || ofPrometheus[label[1]] }) {
				t.Errorf("%s: no metric of %s has the label %s", where, expr, label[1])
			}
		}
	}
	for _, a := range alerts {
		check(a.Alert, a.Expr, a.Annotations["summary"])
	}
	places := map[string]string{}
	for _, p := range d.Panels {
		for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				place := fmt.Sprint(x, ",", y)
				if other, taken := places[place]; taken || x >= 24 {
					t.Fatalf("panel %s lies on %s", p.Title, other)
				}
				places[place] = p.Title
			}
		}
		for _, target := range p.Targets {
			check("panel "+p.Title, target.Expr, target.LegendFormat)
		}
	}
	for name := range served {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "chattok_") && !used[name] && !used[base+"_bucket"] && !used[base+"_sum"] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	if t.Failed() {
		return
	}

	api := startPrometheus(t, prometheus, servers)
	stopLoad := putUnderLoad(t, servers)
	defer stopLoad()
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "30s", "$instance", ".*").Replace(target.Expr)
			last := "nothing"
			await.Within(t, time.Minute, "panel "+p.Title+" shows data of "+expr, func() bool {
				n, err := numbers(t.Context(), api, expr)
				last = fmt.Sprint(n, err)
				return err == nil && n > 0
			})
			_ = last
		}
	}
	if n, err := numbers(t.Context(), api, `sum(increase(chattok_deliveries_total[10m])) > 0 and sum(increase(chattok_requests_total{code!="OK"}[10m])) > 0`); err != nil || n != 1 {
		t.Errorf("deliveries and refusals: %d %v", n, err)
	}
	alarms := firing(t, api)
	if len(alarms) > 0 {
		t.Errorf("alerts fire on servers that are well: %v", alarms)
	}
}

// ofPrometheus are labels that Prometheus itself adds.
var ofPrometheus = map[string]bool{"instance": true, "job": true}

// startWatched starts two nodes on PostgreSQL with everything that has metrics: a bus, TURN, webhooks and a backend that reviews.
func startWatched(t *testing.T) []*program.Server {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question struct{ Posts []struct{ ID string } }
		if body, err := io.ReadAll(r.Body); err == nil && r.URL.Path == "/before-post" && json.Unmarshal(body, &question) == nil {
			verdicts := make([]map[string]any, len(question.Posts))
			for i, post := range question.Posts {
				verdicts[i] = map[string]any{"id": post.ID, "action": "allow"}
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"verdicts": verdicts})
		}
	}))
	t.Cleanup(backend.Close)
	const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	config := program.Config{Database: pgtest.StartT(t, pgtest.Config{}).DatabaseT(t), Env: append([]string{"CHATTOK_TURN=127.0.0.1:0", "CHATTOK_GRACE=1s",
		"CHATTOK_BEFORE_POST=" + backend.URL + "/before-post", "CHATTOK_BEFORE_POST_SECRET=" + secret,
		"CHATTOK_WEBHOOK=" + backend.URL + "/webhook", "CHATTOK_WEBHOOK_SECRET=" + secret, "CHATTOK_WEBHOOK_PRIVATE=true"}, program.HighRates...)}
	return []*program.Server{program.StartT(t, config), program.StartT(t, config)}
}

// metricLine is a line of a scrape: a name and its labels.
var metricLine = regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? \S+$`)

// scrape returns the labels of every metric that the servers serve, once everything that is counted has happened.
func scrape(t *testing.T, servers []*program.Server) map[string]map[string]bool {
	t.Helper()
	stop := putUnderLoad(t, servers)
	defer stop()
	served := map[string]map[string]bool{}
	await.Within(t, time.Minute, "the servers have had requests, refusals and closed sockets", func() bool {
		for _, s := range servers {
			response, err := http.Get(s.URL() + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range metricLine.FindAllStringSubmatch(string(text), -1) {
				if served[m[1]] == nil {
					served[m[1]] = map[string]bool{}
				}
				for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
					served[m[1]][label[1]] = true
				}
			}
		}
		return served["chattok_requests_total"] != nil && served["chattok_before_post_seconds_bucket"] != nil
	})
	return served
}

// metricNames returns the names of the metrics in an expression.
func metricNames(expr string) []string {
	return regexp.MustCompile(`\b(?:chattok|go|process|promhttp)_\w+|\bup\b`).FindAllString(strings.ReplaceAll(expr, `job="chattok"`, ""), -1)
}

// labelPair is a label that an expression asks of a metric.
type labelPair struct{ metric, label string }

// labelsOf returns the labels that an expression selects by or groups by, save those that Prometheus adds.
func labelsOf(expr string) (pairs []labelPair) {
	add := func(metric, label string) {
		if !ofPrometheus[label] {
			pairs = append(pairs, labelPair{metric, label})
		}
	}
	for _, m := range regexp.MustCompile(`(\w+)\{([^}]*)\}`).FindAllStringSubmatch(expr, -1) {
		for _, label := range regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`).FindAllStringSubmatch(m[2], -1) {
			add(m[1], label[1])
		}
	}
	for _, m := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for _, label := range strings.Split(m[1], ",") {
			for _, metric := range metricNames(expr) {
				add(metric, strings.TrimSpace(label))
			}
		}
	}
	return pairs
}

// startPrometheus starts a Prometheus that scrapes the servers each second and has the alerts, and returns the URL of its API.
func startPrometheus(t *testing.T, path string, servers []*program.Server) string {
	t.Helper()
	folder := t.TempDir()
	rules, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, s := range servers {
		targets = append(targets, s.Addr)
	}
	config, err := yaml.Marshal(map[string]any{"global": map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": []string{rules},
		"scrape_configs": []any{map[string]any{"job_name": "chattok", "static_configs": []any{map[string]any{"targets": targets}}}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "prometheus.yml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := program.FreeAddrT(t)
	p := process.New("prometheus", filepath.Join(folder, "log"), func() *exec.Cmd {
		return exec.Command(path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+addr)
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		if t.Failed() {
			t.Logf("prometheus printed:\n%s", p.Tail())
		}
	})
	base := "http://" + addr
	if err := p.AwaitReady(t.Context(), func() error {
		response, err := http.Get(base + "/-/ready")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", response.Status)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return base + "/api/v1/"
}

// ask asks Prometheus' API.
func ask(ctx context.Context, target string, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s", answer.Error)
	}
	return nil
}

// numbers returns how many series of an expression have a number now.
func numbers(ctx context.Context, api, expr string) (n int, err error) {
	var data struct {
		Result []struct{ Value [2]any }
	}
	if err := ask(ctx, api+"query?query="+url.QueryEscape(expr), &data); err != nil {
		return 0, err
	}
	for _, series := range data.Result {
		text, _ := series.Value[1].(string)
		if value, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(value) {
			n++
		}
	}
	return n, nil
}

// firing returns the alerts that fire.
func firing(t *testing.T, api string) (names []string) {
	t.Helper()
	var data struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	if err := ask(t.Context(), api+"alerts", &data); err != nil {
		t.Fatal(err)
	}
	for _, a := range data.Alerts {
		if a.State == "firing" {
			names = append(names, a.Labels["alertname"])
		}
	}
	return names
}

// putUnderLoad lets people post, follow, leave and be refused on each server until stop is called.
func putUnderLoad(t *testing.T, servers []*program.Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ended []chan error
	for _, s := range servers {
		done := make(chan error, 1)
		ended = append(ended, done)
		go func() { done <- load(ctx, s) }()
	}
	return func() {
		cancel()
		for _, done := range ended {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}

// load is one person's visit after the other.
func load(ctx context.Context, s *program.Server) error {
	for ctx.Err() == nil {
		if err := visit(ctx, s); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// visit connects, follows the log by WebSocket, posts, has something refused, and leaves.
func visit(ctx context.Context, s *program.Server) error {
	var in struct {
		Data struct {
			Connect struct {
				AccessToken string
				Session     struct{ LastCursor string }
			}
		}
	}
	if err := post(ctx, s, "", `mutation{connect(sessionId:"watched"){accessToken session{lastCursor}}}`, &in); err != nil {
		return err
	}
	token := in.Data.Connect.AccessToken
	c, err := wsclient.Open(ctx, "ws://"+s.Addr+"/graphql", token)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	after := map[string]any{"a": in.Data.Connect.Session.LastCursor} // so that it misses no entry, however late it begins
	if err := c.Subscribe(ctx, "1", `subscription($a:String){entryAdded(after:$a){seq}}`, after); err != nil {
		return err
	}
	for range 5 {
		if err := post(ctx, s, token, `mutation{addChatEntry(body:"hello"){seq}}`, &struct{}{}); err != nil {
			return err
		}
		if _, err := c.Next(ctx); err != nil {
			return err
		}
	}
	if err := post(ctx, s, token, `mutation{sendSignal(type:"t"){type}}`, &struct{}{}); err != nil {
		return err
	}
	return post(ctx, s, token, `{webhooks{id}}`, &struct{}{}) // which is refused
}

// post runs an operation.
func post(ctx context.Context, s *program.Server, token, query string, answer any) error {
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}
