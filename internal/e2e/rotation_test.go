package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // #nosec G505: HMAC-SHA1 is what OpenTok's older tokens are signed with
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chattok/internal/await"
	"chattok/internal/program"
	"chattok/internal/wsclient"
	"chattok/session"
	"chattok/token"
)

const (
	oldSecret   = "the secret that is replaced of 32 bytes at least"
	newSecret   = "the secret that replaces it of 32 bytes at least"
	rotationKey = "46123456"
	rotationID  = "rotation"
)

// rotationClient follows a session over a socket. Whenever the socket ends it comes back with the last cursor, until anything is
// refused.
type rotationClient struct {
	url string

	mu     sync.Mutex
	access string // token
	cursor string
	seqs   []int64 // of the entries that came
	stop   error   // the refusal
}

// run follows until ctx is done or the server refuses.
func (c *rotationClient) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.follow(ctx)
		if code := wsclient.CloseCode(err); code >= 4000 {
			c.mu.Lock()
			c.stop = fmt.Errorf("%d %s", code, wsclient.CloseReason(err))
			c.mu.Unlock()
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func (c *rotationClient) follow(ctx context.Context) error {
	c.mu.Lock()
	access, cursor := c.access, c.cursor
	c.mu.Unlock()
	socket, err := wsclient.Open(ctx, c.url, access)
	if err != nil {
		return err
	}
	defer func() { _ = socket.CloseNow() }()
	if err := socket.Subscribe(ctx, "1", `subscription($a:String!){entryAdded(after:$a){seq cursor}}`, map[string]any{"a": cursor}); err != nil {
		return err
	}
	for {
		m, err := socket.Next(ctx)
		if err != nil {
			return err
		}
		var event struct{ Data struct{ EntryAdded entry } }
		if m.Type != "next" || json.Unmarshal(m.Payload, &event) != nil {
			return fmt.Errorf("%s %s", m.Type, m.Payload)
		}
		c.mu.Lock()
		c.cursor, c.seqs = event.Data.EntryAdded.Cursor, append(c.seqs, event.Data.EntryAdded.Seq)
		c.mu.Unlock()
	}
}

// use makes the client come back with another access token from now on.
func (c *rotationClient) use(access string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.access = access
}

// refusal returns the refusal that ended the client; "" for none.
func (c *rotationClient) refusal() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop == nil {
		return ""
	}
	return c.stop.Error()
}

// has says whether the entries 1 to n came, each once and in order, and nothing else.
func (c *rotationClient) has(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, seq := range c.seqs {
		if seq != int64(i+1) {
			return false
		}
	}
	return int64(len(c.seqs)) == n
}

// rotation is a server whose secret is replaced, with what its clients hold.
type rotation struct {
	t       *testing.T
	server  *program.Server
	clients []*rotationClient
	entries int64
}

// restart starts the server again, with these secrets.
func (r *rotation) restart(present, old string) {
	r.t.Helper()
	next := program.Config{Env: append([]string{"CHATTOK_API_SECRET=" + present, "CHATTOK_API_SECRET_OLD=" + old, "CHATTOK_API_KEY=" + rotationKey,
		"CHATTOK_TURN=127.0.0.1:0", "CHATTOK_OPEN=false"}, program.HighRates...)}
	if r.server != nil {
		r.server.StopT(r.t)
		next.Addr, next.Database = r.server.Addr, r.server.Database
	}
	r.server = program.StartT(r.t, next)
}

// do runs an operation and returns "ok", or the code and the reason of its error.
func (r *rotation) do(raw, query string, variables map[string]any, data any) string {
	r.t.Helper()
	err := postAs(r.t.Context(), r.server.Addr, raw, query, variables, data)
	if err == nil {
		return "ok"
	}
	var failures []struct {
		Extensions struct{ Code, Reason string }
	}
	if json.Unmarshal([]byte(err.Error()), &failures) != nil || len(failures) == 0 {
		return err.Error()
	}
	return strings.TrimSpace(failures[0].Extensions.Code + " " + failures[0].Extensions.Reason)
}

// connect connects with a session token and returns the access token.
func (r *rotation) connect(raw string) (access, outcome string) {
	r.t.Helper()
	var data struct{ Connect struct{ AccessToken string } }
	outcome = r.do("", `mutation($t:String!){connect(token:$t){accessToken}}`, map[string]any{"t": raw}, &data)
	return data.Connect.AccessToken, outcome
}

// post posts an entry and waits until every client has it.
func (r *rotation) post(access string) {
	r.t.Helper()
	var me struct{ Connection struct{ ID string } }
	if got := r.do(access, `{connection{id}}`, nil, &me); got != "ok" {
		r.t.Fatal(got)
	}
	if got := r.do(access, `mutation($c:ID!){addChatEntry(connectionId:$c,body:"x"){id}}`, map[string]any{"c": me.Connection.ID}, new(any)); got != "ok" {
		r.t.Fatal(got)
	}
	r.entries++
	for i, c := range r.clients {
		await.True(r.t, fmt.Sprintf("client %d has %d entries", i, r.entries), func() bool { return c.has(r.entries) || c.refusal() != "" })
		if why := c.refusal(); why != "" {
			r.t.Fatalf("client %d was refused: %s", i, why)
		}
	}
}

// mint returns the session token that a backend with a secret makes, in each of the forms.
func mint(t *testing.T, secret string) (own, libraryJWT, libraryT1 string) {
	t.Helper()
	end := time.Now().Add(time.Hour)
	own, err := must(token.New([]byte(secret), nil)).MintSession(session.SessionGrant{SessionID: rotationID, Role: session.RolePublisher, ExpiresAt: end})
	if err != nil {
		t.Fatal(err)
	}
	libraryJWT, err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": rotationKey, "ist": "project", "scope": "session.connect",
		"session_id": rotationID, "role": "publisher", "iat": time.Now().Unix(), "exp": end.Unix()}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	signed := url.Values{"session_id": {rotationID}, "role": {"publisher"}, "create_time": {fmt.Sprint(time.Now().Unix())}, "expire_time": {fmt.Sprint(end.Unix())}}.Encode()
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(signed))
	libraryT1 = "T1==" + base64.StdEncoding.EncodeToString([]byte("partner_id="+rotationKey+"&sig="+hex.EncodeToString(mac.Sum(nil))+":"+signed))
	return own, libraryJWT, libraryT1
}

// holdsSecret checks what the holder of a secret is answered: by GraphQL, and by both forms of OpenTok's REST API.
func (r *rotation) holdsSecret(secret, wantGraphQL string, wantREST int) {
	r.t.Helper()
	if got := r.do(secret, `mutation($s:ID!){createToken(sessionId:$s){token}}`, map[string]any{"s": rotationID}, new(any)); got != wantGraphQL {
		r.t.Errorf("createToken: %s, want %s", got, wantGraphQL)
	}
	now := time.Now()
	authority, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": rotationKey, "ist": "project", "iat": now.Unix(),
		"exp": now.Add(time.Minute).Unix()}).SignedString([]byte(secret))
	if err != nil {
		r.t.Fatal(err)
	}
	for header, value := range map[string]string{"X-OPENTOK-AUTH": authority, "X-TB-PARTNER-AUTH": rotationKey + ":" + secret} {
		req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.server.URL()+"/session/create", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		req.Header.Set(header, value)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			r.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != wantREST {
			r.t.Errorf("%s: %d, want %d", header, resp.StatusCode, wantREST)
		}
	}
}

// iceFor returns the TURN server as a connection is told of it.
func (r *rotation) iceFor(access string) iceServer {
	r.t.Helper()
	var told struct{ IceServers []iceServer }
	if got := r.do(access, `{iceServers{urls username credential}}`, nil, &told); got != "ok" || len(told.IceServers) != 2 {
		r.t.Fatalf("%s, %+v", got, told)
	}
	return told.IceServers[1]
}

// allocates says whether the TURN server at a URL accepts credentials.
func (r *rotation) allocates(at string, credentials iceServer) bool {
	r.t.Helper()
	relayed, err := turnClient(r.t, at, credentials).Allocate()
	if err == nil {
		_ = relayed.Close()
	}
	return err == nil
}

// TestRotation: the API secret is replaced while 100 clients are connected, and none of them is refused: they come back by the
// tokens of the old secret, renew them, and connect anew by old session tokens, of ChatTok's form and of OpenTok's. Once the old
// secret counts no more, its tokens are refused and the others go on.
func TestRotation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	r := &rotation{t: t}
	r.restart(oldSecret, "")
	if got := r.do(oldSecret, `mutation($s:ID!){createSession(id:$s){id}}`, map[string]any{"s": rotationID}, new(any)); got != "ok" {
		t.Fatal(got)
	}
	oldSession, oldJWT, oldT1 := mint(t, oldSecret)
	newSession, newJWT, newT1 := mint(t, newSecret)
	join := func(raw string) *rotationClient {
		t.Helper()
		access, got := r.connect(raw)
		if got != "ok" {
			t.Fatal(got)
		}
		c := &rotationClient{url: r.server.URL() + "/graphql", access: access, cursor: session.StartCursor}
		r.clients = append(r.clients, c)
		running.Go(func() { c.run(ctx) })
		return c
	}
	for range 100 {
		join(oldSession)
	}
	oldAccess := r.clients[0].access
	turn := r.iceFor(oldAccess)
	r.post(oldAccess)

	// Both secrets count, and the new one signs.
	r.restart(newSecret, oldSecret)
	r.post(oldAccess)
	signsNow := must(token.New([]byte(newSecret), nil))
	for i, c := range slices.Clone(r.clients) {
		var renewed struct{ RenewAccess struct{ AccessToken string } }
		if got := r.do(c.access, `mutation{renewAccess{accessToken}}`, nil, &renewed); got != "ok" {
			t.Fatalf("client %d can't renew its access: %s", i, got)
		}
		if _, err := signsNow.Access(renewed.RenewAccess.AccessToken); err != nil {
			t.Fatalf("a renewed token is not of the new secret: %v", err)
		}
		c.use(renewed.RenewAccess.AccessToken)
		if _, got := r.connect(oldSession); got != "ok" {
			t.Fatalf("client %d can't connect anew: %s", i, got)
		}
	}
	for _, raw := range []string{oldSession, oldJWT, oldT1, newSession, newJWT, newT1} {
		join(raw)
	}
	r.holdsSecret(oldSecret, "ok", http.StatusOK)
	r.holdsSecret(newSecret, "ok", http.StatusOK)
	renewed := r.clients[0].access
	fresh := r.iceFor(renewed)
	if !r.allocates(fresh.URLs[0], turn) || !r.allocates(fresh.URLs[0], fresh) {
		t.Error("credentials of one of the secrets are refused")
	}
	r.post(renewed)

	// The old secret counts no more.
	r.restart(newSecret, "")
	r.post(renewed)
	const refused = "UNAUTHENTICATED TOKEN_INVALID"
	if got := r.do(oldAccess, `{connection{id}}`, nil, new(any)); got != refused {
		t.Errorf("an old access token: %s", got)
	}
	if _, err := wsclient.Open(t.Context(), r.server.URL()+"/graphql", oldAccess); wsclient.CloseCode(err) != 4403 {
		t.Errorf("an old access token on a socket: %v", err)
	}
	for _, raw := range []string{oldSession, oldJWT, oldT1} {
		if _, got := r.connect(raw); got != refused {
			t.Errorf("an old session token: %s", got)
		}
	}
	r.holdsSecret(oldSecret, refused, http.StatusForbidden)
	r.holdsSecret(newSecret, "ok", http.StatusOK)
	if at := r.iceFor(renewed).URLs[0]; r.allocates(at, turn) || !r.allocates(at, fresh) {
		t.Error("TURN credentials count by the wrong secret")
	}
	for i, c := range r.clients {
		if why := c.refusal(); why != "" {
			t.Errorf("client %d was refused: %s", i, why)
		}
	}
	r.server.StopT(t)
	for _, secret := range []string{oldSecret, newSecret} {
		if strings.Contains(string(r.server.Tail()), secret) {
			t.Error("the log has a secret")
		}
	}
}
