package certificates

import (
	"net"
	"net/http"
	"strings"
)

// Redirect sends a request to the same host over HTTPS, at the port of addr. A host that allowed does not know is refused, so that
// no request is sent on to a foreign host.
func Redirect(addr string, allowed func(host string) bool) http.Handler {
	_, port, _ := net.SplitHostPort(addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowed(r.Host) {
			http.Error(w, "this server has no such host", http.StatusMisdirectedRequest)
			return
		}
		host := strings.ToLower(r.Host)
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if port != "443" && port != "https" {
			host = net.JoinHostPort(host, port)
		} else if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		// A permanent redirect would stay in browsers after the server has given up HTTPS.
		w.Header().Set("Location", "https://"+host+r.URL.RequestURI()) // without a body, which would repeat the whole address
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
}
