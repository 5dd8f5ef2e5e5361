package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"chattok/internal/program"
)

// entry is an entry as the API returns it.
type entry struct {
	Seq    int64
	Cursor string
	Body   string
}

// get returns the status and body of a page.
func get(t *testing.T, b *program.Server, page string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + b.Addr + page)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// post runs an operation over HTTP without a token, and puts its answer into data.
func post(ctx context.Context, addr, query string, variables map[string]any, data any) error {
	return postAs(ctx, addr, "", query, variables, data)
}

// postAs is post with an access token.
func postAs(ctx context.Context, addr, token, query string, variables map[string]any, data any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Data   json.RawMessage
		Errors json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return errors.New(string(answer.Errors))
	}
	return json.Unmarshal(answer.Data, data)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
