package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkAddChatEntry posts entries through the handler, 64 at a time, onto a real database.
func BenchmarkAddChatEntry(b *testing.B) {
	w := newWorld(b, options{})
	me := w.connect(b, map[string]any{"s": "bench"})
	body := `{"query":"mutation($c:ID!,$b:String!){addChatEntry(connectionId:$c,body:$b){seq}}","variables":{"c":"` + me.id + `","b":"` + strings.Repeat("x", 60) + `"}}`
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+me.token)
			recorder := httptest.NewRecorder()
			w.handler.ServeHTTP(recorder, r)
			if !strings.HasPrefix(recorder.Body.String(), `{"data":{"addChatEntry":{"seq":`) {
				b.Errorf("answered %s", recorder.Body)
				return
			}
		}
	})
}
