package edge

import "net/http"

// SecurityHeaders sets the headers of every response. By them a response of the API may load nothing and stand in no
// frame. A page with needs of its own replaces Content-Security-Policy.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Content-Security-Policy"] = policyNothing
		header["Cross-Origin-Resource-Policy"] = sameOrigin
		header["X-Content-Type-Options"] = noSniff
		next.ServeHTTP(w, r)
	})
}

// PageHeaders sets headers that only a page in a browser's window can use; responses of the API go without.
func PageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Content-Security-Policy"] = policyOwn
		header["Cross-Origin-Opener-Policy"] = sameOrigin
		header["Referrer-Policy"] = noReferrer
		header["X-Frame-Options"] = deny
		next.ServeHTTP(w, r)
	})
}

// The values are shared by all responses: a handler may replace one, and must not change it in place.
var (
	policyNothing = []string{"default-src 'none'; frame-ancestors 'none'"}
	policyOwn     = []string{"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"}
	sameOrigin    = []string{"same-origin"}
	noReferrer    = []string{"no-referrer"}
	noSniff       = []string{"nosniff"}
	deny          = []string{"DENY"}
)
