package edge

import (
	"maps"
	"net/http"
)

// SecurityHeaders sets headers that hold for pages and API alike. A page with needs of its own, such as a worker or an
// inline style, sets its own Content-Security-Policy in their place.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), securityHeaders)
		next.ServeHTTP(w, r)
	})
}

// The values are shared by all responses: a handler replaces one, but never changes it in place.
var securityHeaders = http.Header{
	"Content-Security-Policy":      {"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}
