package edge

import (
	"net/http"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/session"
)

// maxHeaderLines is how many lines a request's header has at most, as many as other servers take.
const maxHeaderLines = 100

// fewHeaders answers requests whose header has more than 100 lines with 431 (RFC 6585, section 5), and closes their connections.
// net/http keeps a header for as long as its request lasts, and 32 KiB in tiny lines are 0.6 MB.
func fewHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := len(r.Header)
		if lines <= maxHeaderLines {
			lines = 0
			for _, values := range r.Header {
				lines += len(values)
			}
		}
		if lines > maxHeaderLines {
			w.Header()["Connection"] = closing
			transport.WriteError(w, r, http.StatusRequestHeaderFieldsTooLarge, &gqlerror.Error{
				Message:    "a request's header has 100 lines at most",
				Extensions: map[string]any{"code": string(session.CodeBadUserInput)},
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

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
	closing       = []string{"close"}
)
