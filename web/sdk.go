package web

import (
	"embed"
	"io/fs"
	"net/http"
)

// SDKRoot is where the SDK is served: pages of every origin may load it from there.
const SDKRoot = "/sdk/"

// sdkPolicy is for a script, which a page's own policy governs; as a document it may do nothing.
const sdkPolicy = "default-src 'none'; frame-ancestors 'none'"

// addSDK adds the SDK's script, the one for pages that were written for OpenTok with its style, and their types. Their names stay the same for all versions, so that a page can name them; they
// are revalidated by ETag each time.
func (s site) addSDK() {
	s.addPublic(sdkFiles, "sdk/dist")
	s.addPublic(opentokFiles, "opentok/dist")
}

// addPublic adds the files of a folder for pages of every origin.
func (s site) addPublic(files embed.FS, root string) {
	entries, err := fs.ReadDir(files, root)
	if err != nil {
		panic("web: sdk: " + err.Error())
	}
	for _, entry := range entries {
		f := newFile(entry.Name(), mustRead(files, root+"/"+entry.Name()), sdkPolicy)
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
