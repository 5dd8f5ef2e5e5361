package edge

import "net/http"

// SecurityHeaders sets what holds for every response, so that an answer of the API is taken for what it is and nothing
// else: it may load nothing, and is in no frame. A page with needs of its own sets its own Content-Security-Policy in its
// place.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Content-Security-Policy"] = policyNothing
		header["Cross-Origin-Resource-Policy"] = sameOrigin
		header["X-Content-Type-Options"] = noSniff
		next.ServeHTTP(w, r)
	})
}

// PageHeaders sets what only a page in a browser's window can make use of; the API's responses are spared it.
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

// The values are shared by all responses: a handler replaces one, but never changes it in place.
var (
	policyNothing = []string{"default-src 'none'; frame-ancestors 'none'"}
	policyOwn     = []string{"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"}
	sameOrigin    = []string{"same-origin"}
	noReferrer    = []string{"no-referrer"}
	noSniff       = []string{"nosniff"}
	deny          = []string{"DENY"}
)
