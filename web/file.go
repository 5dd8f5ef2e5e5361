package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// contentTypes maps file extensions to media types. The tables of package mime depend on the machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".json": "application/json",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
	".ts":   "application/typescript; charset=utf-8",
	".map":  "application/json",
}

// file is a response body with its headers.
type file struct {
	content     []byte
	contentType string
	etag        string
	policy      string        // Content-Security-Policy
	permissions string        // Permissions-Policy; empty: none
	framed      bool          // policy allows other sites to frame the page
	immutable   bool          // the path names the content, by a hash or a version, so browsers may cache it forever
	unstored    bool          // no cache may keep the response
	compressed  bool          // content is gzip-compressed
	public      bool          // pages of all origins may read it
	packed      []byte        // content in gzip form, for clients that accept it; nil: there is one form only
	unpacked    func() []byte // decompresses content, once, for clients that do not accept gzip
}

func newFile(name string, content []byte, policy string) file {
	contentType, ok := contentTypes[path.Ext(name)]
	if !ok {
		panic("web: no content type for " + name)
	}
	sum := sha256.Sum256(content)
	return file{
		content:     content,
		contentType: contentType,
		etag:        `"` + hex.EncodeToString(sum[:16]) + `"`,
		policy:      policy,
	}
}

// serveGet serves GET and HEAD requests and rejects other methods.
func (f file) serveGet(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	f.serve(w, r)
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Security-Policy", f.policy)
	if f.permissions != "" {
		h.Set("Permissions-Policy", f.permissions)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	if f.public {
		allowAnyPage(h)
	}
	if f.framed {
		h.Del("X-Frame-Options") // X-Frame-Options can't list sites, and would override the policy in older browsers
	}
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if f.unstored {
		h.Set("Cache-Control", "no-store")
	}
	if f.compressed {
		f.serveCompressed(w, r)
		return
	}
	content := f.content
	h.Set("ETag", f.etag)
	if f.packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header) {
			content = f.packed
			h.Set("Content-Encoding", "gzip")
			h.Set("ETag", strings.TrimSuffix(f.etag, `"`)+`-gzip"`) // each encoding needs an entity tag of its own (RFC 9110, section 8.8.1)
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// pack compresses content with gzip.
func pack(content []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic("web: " + err.Error())
	}
	_, _ = z.Write(content) // writing to a bytes.Buffer can't fail
	_ = z.Close()
	return b.Bytes()
}

// serveCompressed sends compressed content, decompressed for clients that do not accept gzip. The content is immutable, so
// there are no conditional requests.
func (f file) serveCompressed(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(f.content)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(f.content) // the client may have closed the connection
		}
		return
	}
	content := f.unpacked()
	h.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
}

// unpack decompresses gzip content. It panics if the content is not gzip.
func unpack(content []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(content))
	var unpacked []byte
	if err == nil {
		unpacked, err = io.ReadAll(z)
	}
	if err != nil {
		panic("web: an asset is not gzip: " + err.Error()) // the tests decompress every asset
	}
	return unpacked
}

// acceptsGzip reports whether Accept-Encoding allows gzip (RFC 9110, section 12.5.3). "*" applies if gzip is not named.
func acceptsGzip(h http.Header) bool {
	accepted := false
	for item := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, parameter, _ := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "x-gzip" && coding != "*" {
			continue
		}
		_, weight, found := strings.Cut(strings.ToLower(strings.TrimSpace(parameter)), "q=")
		q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
		wanted := !found || err == nil && q > 0
		if coding != "*" {
			return wanted
		}
		accepted = wanted
	}
	return accepted
}
