//go:build unix

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// requestTimeout is how long a person waits for an answer before it tries elsewhere.
const requestTimeout = 3 * time.Second

// problem is an error that the API answered.
type problem struct {
	Message    string
	Extensions struct{ Code, Reason string }
}

func (p *problem) Error() string {
	return fmt.Sprintf("%s %s: %s", p.Extensions.Code, p.Extensions.Reason, p.Message)
}

// destroyed says whether an error means that the caller's connection has ended, or its token has.
func destroyed(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.Extensions.Code == "UNAUTHENTICATED"
}

// passing says whether an error may be one of a cluster in trouble: no answer, or UNAVAILABLE.
func passing(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return !ok || p.Extensions.Code == "UNAVAILABLE" || p.Extensions.Code == "RATE_LIMITED" || destroyed(err)
}

// ask runs a query or a mutation on a node.
func ask(ctx context.Context, client *http.Client, url, token, query string, variables map[string]any, data any) error {
	return askFor(ctx, requestTimeout, client, url, token, query, variables, data)
}

// askFor is ask with another patience.
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

// gone says whether an error means that the addressee of a signal has ended.
func gone(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.Extensions.Code == "NOT_FOUND"
}
