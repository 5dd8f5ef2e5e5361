package web

import (
	"fmt"
	"net/http"
	"strings"
)

const (
	development = "-dev"      // follows the version that a development build leads to
	modified    = ".modified" // ends the version of a build whose source had changes beside its commit
)

// namesOneBuild says whether all builds with this version have the same files: releases, and builds of a commit as it is.
func namesOneBuild(version string) bool {
	_, build, found := strings.Cut(version, development)
	return !found || strings.HasPrefix(build, "+") && !strings.HasSuffix(build, modified)
}

// serveVersion answers requests for the SDK's files below a version that is not the server's own. A development build sends those
// for the version that it leads to on to its own files. It reports whether it handled the request.
func (p pages) serveVersion(w http.ResponseWriter, r *http.Request) bool {
	below, ok := strings.CutPrefix(r.URL.Path, SDKRoot)
	asked, name, versioned := strings.Cut(below, "/")
	if !ok || !versioned || asked == "" || asked == p.version || p.version == "" {
		return false
	}
	allowAnyPage(w.Header())
	w.Header().Set("Cache-Control", "no-cache")
	_, known := p.files[SDKRoot+name]
	if leadsTo, _, found := strings.Cut(p.version, development); found && known && asked == leadsTo {
		w.Header().Set("Location", "../"+p.version+"/"+name)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
	http.Error(w, fmt.Sprintf("this server has version %s of the SDK, and no other: its files are below %s%s/, and under names that stay the same below %s",
		p.version, SDKRoot, p.version, SDKRoot), http.StatusNotFound)
	return true
}
