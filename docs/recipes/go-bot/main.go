// Command go-bot answers "!sum 1 2 3" in every session whose id begins with BOT_SESSIONS. It is in none of them: it hears of the
// entries by the feed, and posts with the API secret.
package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

//go:generate go tool genqlient

var (
	server   = cmp.Or(os.Getenv("CHATTOK_URL"), "http://127.0.0.1:8080") + "/graphql"
	secret   = os.Getenv("CHATTOK_API_SECRET")
	sessions = os.Getenv("BOT_SESSIONS")
	place    = cmp.Or(os.Getenv("BOT_PLACE"), "bot.place") // the file that keeps the cursor of the last event that is done
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pause := time.Second
	for {
		began := time.Now()
		err := follow(ctx)
		if time.Since(began) > time.Minute {
			pause = time.Second
		}
		switch code, reason := refusal(err); {
		case ctx.Err() != nil:
			return
		case reason == "CURSOR_MISMATCH": // the database was put back: begin with what happens from now on
			if err := os.Remove(place); err != nil {
				log.Fatal(err)
			}
		case code != "" && code != "UNAVAILABLE" && code != "RATE_LIMITED":
			log.Fatal(err) // it would be refused again
		}
		log.Printf("again in %v: %v", pause, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// follow answers what is asked after the place that is kept, until the connection ends. It returns why.
func follow(ctx context.Context) error {
	after, err := os.ReadFile(place)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dialer := &dialer{}
	client := graphql.NewClientUsingWebSocket(strings.Replace(server, "http", "ws", 1), dialer,
		graphql.WithConnectionParams(map[string]any{"Authorization": "Bearer " + secret}))
	failed, err := client.Start(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, dialer.close)()
	events, _, err := Feed(ctx, client, string(after), sessions)
	if err != nil {
		dialer.close()
	}
	for {
		select {
		case ended := <-failed: // the one end of a connection, also of one that is closed here
			if err != nil {
				return err
			}
			return ended
		case event, open := <-events:
			switch {
			case err != nil: // it is closing
			case !open:
				err = errors.New("the server ended the feed")
			case event.Errors != nil:
				err = event.Errors
			default:
				err = handle(ctx, event.Data.Feed)
			}
			if err != nil {
				dialer.close()
			}
			if !open {
				events = nil
			}
		}
	}
}

// handle answers an event that asks, and keeps its place. After a crash between the two it comes again, and the key of the answer
// is the same, so that the answer is posted once.
func handle(ctx context.Context, event FeedFeedFeedEvent) error {
	if added, ok := event.Event.(*ChangeEntryAdded); ok {
		if body, ok := answer(added.Entry.Body); ok {
			client := graphql.NewClient(server, bearer(secret))
			_, err := Answer(ctx, client, event.SessionId, "Calculator", added.Entry.Id, body, key(added.Entry.Id))
			switch code, _ := refusal(err); {
			case code == "NOT_FOUND" || code == "FORBIDDEN": // the session has been deleted, say
				log.Printf("no answer in %s: %v", event.SessionId, err)
			case err != nil:
				return err
			}
		}
	}
	if err := os.WriteFile(place+".new", []byte(event.Cursor), 0o600); err != nil {
		return err
	}
	return os.Rename(place+".new", place)
}

// answer returns the answer to a text that asks for one.
func answer(text string) (string, bool) {
	numbers, asks := strings.CutPrefix(text, "!sum ")
	if !asks {
		return "", false
	}
	var sum int64
	for _, number := range strings.Fields(numbers) {
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return fmt.Sprintf("%q is no number that I can add.", number), true
		}
		sum += n
	}
	return strconv.FormatInt(sum, 10), true
}

// key returns the idempotency key of the answer to an entry. A bot's keys are the session's, so it must be one that nobody there
// can guess and use first.
func key(entryID string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("answer to " + entryID))
	return hex.EncodeToString(mac.Sum(nil))
}

// refusal returns the code and the reason by which the server refused an operation; none for an error of another kind.
func refusal(err error) (code, reason string) {
	var list gqlerror.List
	var failure *graphql.HTTPError
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &list):
	case errors.As(err, &failure):
		list = failure.Response.Errors
	case errors.As(err, &closed) && closed.Code == 4403: // the secret is refused
		return "UNAUTHENTICATED", ""
	}
	if len(list) > 0 {
		code, _ = list[0].Extensions["code"].(string)
		reason, _ = list[0].Extensions["reason"].(string)
	}
	return code, reason
}

// A bearer is an HTTP client that sends a token.
type bearer string

func (b bearer) Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", "Bearer "+string(b))
	return (&http.Client{Timeout: 30 * time.Second}).Do(request)
}

// A dialer opens the one WebSocket of a client.
type dialer struct{ conn *websocket.Conn }

func (d *dialer) DialContext(ctx context.Context, url string, header http.Header) (graphql.WSConn, error) {
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, url, header)
	if err != nil {
		return nil, err
	}
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error { return errors.Join(alive(conn), pong(data)) })
	d.conn = conn
	return socket{conn}, nil
}

// alive notes that something has come from the server, which sends a ping after 20 seconds of silence.
func alive(conn *websocket.Conn) error { return conn.SetReadDeadline(time.Now().Add(time.Minute)) }

func (d *dialer) close() { d.conn.Close() }

// A socket makes an error of the message by which the server refuses a subscription, since genqlient takes it for an event.
type socket struct{ *websocket.Conn }

func (s socket) ReadMessage() (int, []byte, error) {
	if err := alive(s.Conn); err != nil {
		return 0, nil, err
	}
	kind, text, err := s.Conn.ReadMessage()
	var message struct {
		Type    string
		Payload json.RawMessage
	}
	if err == nil && json.Unmarshal(text, &message) == nil && message.Type == "error" {
		var list gqlerror.List
		if err := json.Unmarshal(message.Payload, &list); err != nil {
			return 0, nil, err
		}
		return 0, nil, list
	}
	return kind, text, err
}
