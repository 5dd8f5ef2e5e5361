package transport

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"chattok/graph/transport/gqlerr"
)

// The server audits of the npm package graphql-http, by their ids, without those that only check that a plain operation
// works. https://github.com/graphql/graphql-http/blob/main/src/audits/server.ts
func TestAudit(t *testing.T) {
	server := newServer(t, &stub{})
	const plain = `{"query":"{ __typename }"}`
	const coercion = `{"query":"query CoerceFailure($id: ID!){ __typename }","variables":{"id":null}}`
	for _, audit := range []struct {
		id, accept, body string
		from, to         int
	}{
		{"22EB", typeGraphQLJSON, plain, 200, 200},
		{"4655", typeJSON, plain, 200, 200},
		{"47DE", "*/*", plain, 200, 200},
		{"80D8", "", plain, 200, 200},
		{"BF61", "", `{"query":"{ __type(name: \"Run🏃Swim🏊\") { name } }"}`, 200, 200},
		{"A5BF", "", ``, 400, 400},
		{"423L", typeGraphQLJSON, `{"notquery":"{ __typename }"}`, 400, 400},
		{"LKJ0", "", `{"query":{"obj":"ect"}}`, 400, 400},
		{"LKJ1", "", `{"query":0}`, 400, 400},
		{"LKJ2", "", `{"query":false}`, 400, 400},
		{"LKJ3", "", `{"query":["array"]}`, 400, 400},
		{"6C00", "", `{"operationName":{"obj":"ect"},"query":"{ __typename }"}`, 400, 400},
		{"6C01", "", `{"operationName":0,"query":"{ __typename }"}`, 400, 400},
		{"6C02", "", `{"operationName":false,"query":"{ __typename }"}`, 400, 400},
		{"6C03", "", `{"operationName":["array"],"query":"{ __typename }"}`, 400, 400},
		{"8161", typeGraphQLJSON, `{"operationName":"Query","query":"query Query { __typename }"}`, 200, 200},
		{"B8B3", typeJSON, `{"operationName":"Query","query":"query Query { __typename }"}`, 200, 200},
		{"94B0", typeGraphQLJSON, `{"query":"{ __typename }","variables":null}`, 200, 200},
		{"94B1", typeGraphQLJSON, `{"query":"{ __typename }","operationName":null}`, 200, 200},
		{"94B2", typeGraphQLJSON, `{"query":"{ __typename }","extensions":null}`, 200, 200},
		{"4760", "", `{"query":"{ __typename }","variables":"string"}`, 400, 400},
		{"4761", "", `{"query":"{ __typename }","variables":0}`, 400, 400},
		{"4762", "", `{"query":"{ __typename }","variables":false}`, 400, 400},
		{"4763", "", `{"query":"{ __typename }","variables":["array"]}`, 400, 400},
		{"28B9", typeJSON, `{"query":"query Type($name: String!) { __type(name: $name) { name } }","variables":{"name":"sometype"}}`, 200, 200},
		{"58B0", "", `{"query":"{ __typename }","extensions":"string"}`, 400, 400},
		{"58B1", "", `{"query":"{ __typename }","extensions":0}`, 400, 400},
		{"58B2", "", `{"query":"{ __typename }","extensions":false}`, 400, 400},
		{"58B3", "", `{"query":"{ __typename }","extensions":["array"]}`, 400, 400},
		{"1B7A", typeJSON, `{"query":"{ __typename }","extensions":{"some":"value"}}`, 200, 200},
		{"BCF8", typeJSON, `{ "not a JSON`, 400, 400},
		{"B7N8", typeGraphQLJSON, `{ "not a JSON`, 400, 400},
		{"3E3A", "", `{"qeury":"{ __typename }"}`, 400, 400},
		{"572B", typeJSON, `{"query":"{"}`, 200, 200},
		{"FDE2", typeJSON, `{"query":"{ 8f31403dfe404bccbb0e835f2629c6a7 }"}`, 200, 200},
		{"7B9B", typeJSON, coercion, 200, 200},
		{"556A", typeGraphQLJSON, `{"query":"{"}`, 400, 400},
		{"74FF", typeGraphQLJSON, `{"query":"{ 8f31403dfe404bccbb0e835f2629c6a7 }"}`, 400, 400},
		{"86EE", typeGraphQLJSON, coercion, 400, 400},
	} {
		w := post(t, server, audit.body, "Accept", audit.accept)
		if w.Code < audit.from || w.Code > audit.to {
			t.Errorf("%s: status %d, want %d to %d: %s", audit.id, w.Code, audit.from, audit.to, w.Body)
		}
		wantType := typeJSON
		if audit.accept == typeGraphQLJSON && !strings.Contains(w.Body.String(), gqlerr.ReasonMalformedRequest) {
			wantType = typeGraphQLJSON
		}
		if got := w.Header().Get("Content-Type"); got != wantType+"; charset=utf-8" {
			t.Errorf("%s: Content-Type %s, want %s", audit.id, got, wantType)
		}
		if failed := strings.Contains(w.Body.String(), `"errors"`); failed && strings.Contains(w.Body.String(), `"data"`) {
			t.Errorf("%s: data beside a request error: %s", audit.id, w.Body)
		}
	}

	t.Run("5A70", func(t *testing.T) {
		want(t, get(t, server, "query="+url.QueryEscape("{ __typename }")), 200, `{"data":{"__typename":"Query"}}`)
	})
	t.Run("6A70", func(t *testing.T) {
		w := get(t, server, "query="+url.QueryEscape("query Type($name: String!) { __type(name: $name) { name } }")+
			"&variables="+url.QueryEscape(`{"name":"sometype"}`))
		want(t, w, 200, `{"data":{"__type":null}}`)
	})
	t.Run("9ABE", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(plain))
		if w := serve(t, server, r); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("status %d", w.Code)
		}
	})
}
