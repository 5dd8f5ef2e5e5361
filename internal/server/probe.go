package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"chattok/session"
)

// answerProbe answers a health probe. notReady is nil while the server can serve. degraded names a part that does not work
// meanwhile; the status stays 200, since other nodes most likely miss the same part (docs/decisions/bus.md).
func answerProbe(w http.ResponseWriter, notReady, degraded error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	answer, status := "ok", http.StatusOK
	switch {
	case notReady != nil:
		answer, status = safeMessage(notReady, "not ready"), http.StatusServiceUnavailable
	case degraded != nil:
		answer = "degraded: " + safeMessage(degraded, "not all works")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)+1))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer+"\n")
}

// safeMessage returns the part of an error that anybody may read. Its cause is for the log alone.
func safeMessage(err error, otherwise string) string {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return e.Message
	}
	return otherwise
}
