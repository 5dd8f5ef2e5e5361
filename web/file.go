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

// contentTypes are stated rather than asked of the machine, whose own tables differ.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
	".ts":   "application/typescript; charset=utf-8",
	".map":  "application/json",
}

// file is one answer, ready to send.
type file struct {
	content     []byte
	contentType string
	etag        string
	policy      string        // Content-Security-Policy
	permissions string        // Permissions-Policy; none where empty
	framed      bool          // other sites may have it in a frame, as its policy says
	immutable   bool          // the content is named by its hash: it may be kept for good
	compressed  bool          // content is gzip
	public      bool          // pages of every origin may read it
	packed      []byte        // the content as gzip, for those who take it; nil where there is but one form
	unpacked    func() []byte // of compressed content, for the few who take none; it is unpacked once, when one comes
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

// serveGet is serve for GET and HEAD, and refuses every other method.
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
		h.Del("X-Frame-Options") // it knows no list of sites, and older browsers would heed it
	}
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
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
			h.Set("ETag", strings.TrimSuffix(f.etag, `"`)+`-gzip"`) // another form is another entity (RFC 9110, section 8.8.1)
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// pack returns gzip of content.
func pack(content []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic("web: " + err.Error())
	}
	_, _ = z.Write(content) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// serveCompressed sends the content as it is to those who take gzip, and unpacked to the few who don't. Either form is
// immutable, so nobody asks for it conditionally.
func (f file) serveCompressed(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(f.content)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(f.content) // a reader that has gone is no error of ours
		}
		return
	}
	content := f.unpacked()
	h.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
}

// unpack returns what gzip holds.
func unpack(content []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(content))
	var unpacked []byte
	if err == nil {
		unpacked, err = io.ReadAll(z)
	}
	if err != nil {
		panic("web: an asset is not gzip: " + err.Error()) // the package's tests read every one
	}
	return unpacked
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3) as far as gzip is concerned; "*" stands for it where it is
// not named.
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
