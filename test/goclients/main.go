// Command goclients joins a session by genqlient, posts by it, and follows the session by genqlient and by hasura's
// go-graphql-client. It prints what each saw, as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/gorilla/websocket"
	hasura "github.com/hasura/go-graphql-client"
)

const patience = time.Minute

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, endpoint string) error {
	socket := strings.Replace(endpoint, "http", "ws", 1)
	joined, err := Connect(ctx, graphql.NewClient(endpoint, http.DefaultClient), "go", "Ann")
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	authorization := "Bearer " + joined.Connect.AccessToken
	after := joined.Connect.Session.LastCursor

	byGenqlient, roster, err := followByGenqlient(ctx, socket, authorization, after)
	if err != nil {
		return fmt.Errorf("genqlient: %w", err)
	}
	byHasura, err := followByHasura(ctx, socket, authorization, after)
	if err != nil {
		return fmt.Errorf("hasura: %w", err)
	}
	member := graphql.NewClient(endpoint, bearer(authorization))
	if _, err := AddEntry(ctx, member, joined.Connect.Connection.Id, "from Go", fmt.Sprint(time.Now().UnixNano())); err != nil {
		return fmt.Errorf("add: %w", err)
	}
	saw := map[string]any{}
	for name, channel := range map[string]<-chan any{"genqlient": byGenqlient, "roster": roster, "hasura": byHasura} {
		select {
		case saw[name] = <-channel:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", name, ctx.Err())
		}
	}
	return json.NewEncoder(os.Stdout).Encode(saw)
}

// followByGenqlient returns the first entry after a cursor, and how many connections the roster says.
func followByGenqlient(ctx context.Context, socket, authorization, after string) (entry, roster <-chan any, err error) {
	client := graphql.NewClientUsingWebSocket(socket, dialer{websocket.DefaultDialer},
		graphql.WithConnectionParams(map[string]any{"Authorization": authorization}))
	if _, err := client.Start(ctx); err != nil {
		return nil, nil, err
	}
	entries, _, err := EntryAdded(ctx, client, after)
	if err != nil {
		return nil, nil, err
	}
	events, _, err := Roster(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	first, count := make(chan any, 1), make(chan any, 1)
	go func() {
		for e := range entries {
			if e.Errors != nil {
				first <- e.Errors.Error()
			}
			first <- fmt.Sprint(e.Data.EntryAdded.Seq, " ", e.Data.EntryAdded.Body)
			return
		}
	}()
	go func() {
		for e := range events {
			if state, ok := e.Data.SessionEvents.(*RosterSessionEventsSessionState); ok {
				count <- state.ConnectionCount
				return
			}
		}
	}()
	return first, count, nil
}

// followByHasura returns the first entry after a cursor.
func followByHasura(ctx context.Context, socket, authorization, after string) (<-chan any, error) {
	client := hasura.NewSubscriptionClient(socket).
		WithProtocol(hasura.GraphQLWS).
		WithConnectionParams(map[string]any{"Authorization": authorization})
	var subscription struct {
		EntryAdded struct {
			Seq  int
			Body string
		} `graphql:"entryAdded(after: $after)"`
	}
	first := make(chan any, 1)
	_, err := client.Subscribe(&subscription, map[string]any{"after": after}, func(message []byte, err error) error {
		if err != nil {
			first <- err.Error()
			return nil
		}
		var got struct {
			EntryAdded struct {
				Seq  int
				Body string
			}
		}
		if err := json.Unmarshal(message, &got); err != nil {
			first <- err.Error()
			return nil
		}
		first <- fmt.Sprint(got.EntryAdded.Seq, " ", got.EntryAdded.Body)
		return hasura.ErrSubscriptionStopped
	})
	if err != nil {
		return nil, err
	}
	go func() {
		if err := client.RunWithContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "hasura:", err)
		}
	}()
	return first, nil
}

type dialer struct{ *websocket.Dialer }

func (d dialer) DialContext(ctx context.Context, url string, header http.Header) (graphql.WSConn, error) {
	conn, _, err := d.Dialer.DialContext(ctx, url, header)
	return conn, err
}

// bearer is an HTTP client that sends this.
type bearer string

func (b bearer) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", string(b))
	return http.DefaultClient.Do(r)
}
