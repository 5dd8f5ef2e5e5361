package edge

import "net/http"

const (
	// VersionHeader carries the server's version in the answers of the API.
	VersionHeader = "Chattok-Version"
	// SDKHeader carries the version of the SDK in its requests, for the access log.
	SDKHeader = "Chattok-Sdk"
)

// Versioned adds the server's version to the answers of next.
func Versioned(version string, next http.Handler) http.Handler {
	values := []string{version}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()[VersionHeader] = values
		next.ServeHTTP(w, r)
	})
}
