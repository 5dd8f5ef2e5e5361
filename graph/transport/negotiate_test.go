package transport

import (
	"net/http"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const (
		urql       = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
		apolloOld  = "multipart/mixed;deferSpec=20220824,application/json"
		apollo     = `multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9`
		browser    = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
		quotedSpec = `multipart/mixed; subscriptionSpec="1.0", application/json`
	)
	for accept, want := range map[string]accepted{
		"":                                  {typeJSON, 0},
		"*/*":                               {typeJSON, 0},
		"*":                                 {typeJSON, 0},
		"application/*":                     {typeJSON, 0},
		"application/json":                  {typeJSON, 0},
		"Application/JSON; charset=utf-8":   {typeJSON, 0},
		"application/graphql-response+json": {typeGraphQLJSON, 0},
		"application/json, application/graphql-response+json":           {typeGraphQLJSON, 0},
		"application/json, application/graphql-response+json;q=0.9":     {typeJSON, 0},
		"application/graphql-response+json, application/json;q=0.9":     {typeGraphQLJSON, 0},
		"*/*, application/graphql-response+json;q=0.1":                  {typeJSON, 0},
		"application/graphql-response+json;q=0, */*":                    {typeJSON, 0},
		"application/json;q=0, */*":                                     {typeGraphQLJSON, 0},
		"application/json;q=0, application/*;q=0.5":                     {typeGraphQLJSON, 0},
		"application/*;q=0, */*":                                        {"", 0},
		"*/*;q=0":                                                       {"", 0},
		"*/*;q=0, application/json":                                     {typeJSON, 0},
		"application/json;q=0.0":                                        {"", 0},
		"application/json;q=nonsense":                                   {typeJSON, 0},
		"application/json;q=NaN":                                        {typeJSON, 0},
		"application/json;q=0;q=1":                                      {"", 0},
		"text/html, image/*":                                            {"", 0},
		"application/jsonp":                                             {"", 0},
		"text/event-stream":                                             {"", SSE},
		"text/event-stream;q=0":                                         {"", 0},
		"text/event-stream, application/json":                           {typeJSON, SSE},
		"text/event-stream, */*;q=0.1":                                  {typeJSON, SSE},
		"text/html, text/plain, , text/event-stream":                    {"", SSE},
		`x/y;a="text/event-stream, application/json"`:                   {"", 0},
		`x/y;a=", application/json, "`:                                  {"", 0},
		"application/json, application/json;q=0":                        {typeJSON, 0},
		`x/y;a="\"", application/json`:                                  {typeJSON, 0},
		"multipart/mixed":                                               {"", 0},
		"multipart/mixed;subscriptionSpec=2.0":                          {"", 0},
		"multipart/mixed;subscriptionSpec=1.0":                          {"", Multipart},
		"multipart/mixed;SubscriptionSpec=1.0, text/event-stream":       {"", SSE},
		"multipart/mixed;subscriptionSpec=1.0, text/event-stream;q=0.5": {"", Multipart},
		quotedSpec: {typeJSON, Multipart},
		urql:       {typeGraphQLJSON, SSE},
		apollo:     {typeGraphQLJSON, Multipart},
		apolloOld:  {typeJSON, 0},
		browser:    {typeJSON, 0},
	} {
		if got := negotiate(http.Header{"Accept": {accept}}); got != want {
			t.Errorf("Accept %q admits %+v, want %+v", accept, got, want)
		}
	}
	if got := negotiate(http.Header{}); got != (accepted{json: typeJSON}) {
		t.Errorf("no Accept admits %+v", got)
	}
	if got := negotiate(http.Header{"Accept": {"text/html", "text/event-stream, application/json"}}); got != (accepted{typeJSON, SSE}) {
		t.Errorf("two Accept lines admit %+v", got)
	}
}

func TestJSONContent(t *testing.T) {
	for contentType, ok := range map[string]bool{
		"application/json": true, "APPLICATION/JSON": true, "application/json;charset=UTF-8": true,
		`application/json; charset="utf-8"`: true, "application/json; charset=utf8": true, "application/json; x=y": true,
		"": false, "text/plain": false, "text/plain; application/json": false, "application/x-www-form-urlencoded": false,
		"multipart/form-data; boundary=x": false, "application/json; charset=iso-8859-1": false,
		"application/graphql": false, "application/json, text/plain": false, "application/json;charset": false,
	} {
		if got := jsonContent(http.Header{"Content-Type": {contentType}}); got != ok {
			t.Errorf("Content-Type %q is JSON: %v", contentType, got)
		}
	}
	for encoding, ok := range map[string]bool{"identity": true, "gzip": false, "br": false} {
		if got := jsonContent(http.Header{"Content-Type": {typeJSON}, "Content-Encoding": {encoding}}); got != ok {
			t.Errorf("Content-Encoding %q is JSON: %v", encoding, got)
		}
	}
}
