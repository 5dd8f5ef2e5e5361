package web

import (
	"io/fs"
	"net/http"
)

// SDKRoot is where the SDK is served: pages of every origin may load it from there.
const SDKRoot = "/sdk/"

// sdkPolicy is for a script, which a page's own policy governs; as a document it may do nothing.
const sdkPolicy = "default-src 'none'; frame-ancestors 'none'"

// addSDK adds the script and its types. Their names stay the same for all versions, so that a page can name them; they
// are revalidated by ETag each time.
func (s site) addSDK() {
	const root = "sdk/dist"
	entries, err := fs.ReadDir(sdkFiles, root)
	if err != nil {
		panic("web: sdk: " + err.Error())
	}
	for _, entry := range entries {
		f := newFile(entry.Name(), mustRead(sdkFiles, root+"/"+entry.Name()), sdkPolicy)
		f.public = true
		f.packed = pack(f.content)
		s[SDKRoot+entry.Name()] = f
	}
}

// allowAnyPage says that a page of any origin may load and read what follows.
func allowAnyPage(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}
