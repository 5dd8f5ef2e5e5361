//go:build unix

package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// requestTimeout is how long a person waits for an answer before it asks another node.
const requestTimeout = 3 * time.Second

// problem is an error in an answer of the API.
type problem struct {
	Message    string
	Extensions struct{ Code, Reason string }
}

func (p *problem) Error() string {
	return fmt.Sprintf("%s %s: %s", p.Extensions.Code, p.Extensions.Reason, p.Message)
}

// destroyed says whether an error means that the caller's connection has ended, or its token expired.
func destroyed(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.Extensions.Code == "UNAUTHENTICATED"
}

// passing says whether an error may come from a cluster in trouble: no answer, UNAVAILABLE, a limit or an ended
// connection.
func passing(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return !ok || p.Extensions.Code == "UNAVAILABLE" || p.Extensions.Code == "RATE_LIMITED" || destroyed(err)
}

// ask runs a query or a mutation on a node.
func ask(ctx context.Context, client *http.Client, url, token, query string, variables map[string]any, data any) error {
	return askFor(ctx, requestTimeout, client, url, token, query, variables, data)
}

// askFor is ask with another timeout.
func askFor(ctx context.Context, patience time.Duration, client *http.Client, url, token, query string, variables map[string]any, data any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Data   json.RawMessage
		Errors []*problem
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("the answer of %s, %s: %w", url, resp.Status, err)
	}
	if len(answer.Errors) > 0 {
		return answer.Errors[0]
	}
	return json.Unmarshal(answer.Data, data)
}

// gone says whether an error means that the connection a signal was for has ended.
func gone(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.Extensions.Code == "NOT_FOUND"
}

// listen runs a subscription of the API secret over SSE, and hands the data of each event to take, until the stream ends or take fails.
// lastID is the header's; empty for none.
func listen(ctx context.Context, client *http.Client, node, query string, variables map[string]any, lastID string, take func(data []byte) error) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, node+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "text/event-stream", "Authorization": "Bearer " + secret} {
		req.Header.Set(name, value)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	stream := bufio.NewReader(resp.Body)
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return err
		}
		data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data:")
		if data = strings.TrimSpace(data); !ok || data == "" {
			continue
		}
		if err := take([]byte(data)); err != nil {
			return err
		}
	}
}
