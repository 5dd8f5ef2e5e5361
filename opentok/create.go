package opentok

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"chattok/session"
)

// createSession makes a session that asks for tokens.
func (h *Handler) createSession(w http.ResponseWriter, r *http.Request) (answer, error) {
	body, err := readBody(w, r)
	if err != nil {
		return answer{}, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return answer{}, refusal{http.StatusBadRequest, "the body must be a form (application/x-www-form-urlencoded)"}
	}
	switch form.Get("archiveMode") {
	case "", "manual":
	case "always":
		return answer{}, refusal{http.StatusNotImplemented, "archiveMode=always: " + missing["archive"]}
	default:
		return answer{}, refusal{http.StatusBadRequest, "archiveMode must be manual or always"}
	}
	mode, err := h.mediaMode(form.Get("p2p.preference"))
	if err != nil {
		return answer{}, err
	}
	id := h.Tokens.newSessionID(time.Now())
	made, err := h.Domain.CreateSession(r.Context(), caller, &id, mode, nil)
	if err != nil {
		return answer{}, err
	}
	return created(r, h.Tokens.key, made)
}

// mediaMode returns how the video of a new session travels. OpenTok routes it unless a library prefers peers.
func (h *Handler) mediaMode(preference string) (session.MediaMode, error) {
	switch preference {
	case "enabled":
		return session.MediaRelayed, nil
	case "", "disabled":
		if h.Router {
			return session.MediaRouted, nil
		}
		h.relayedOnce.Do(func() {
			h.Log.Info("a library asked for a routed session, and there is no media router: such sessions are relayed, from browser to browser")
		})
		return session.MediaRelayed, nil
	}
	return "", refusal{http.StatusBadRequest, "p2p.preference must be enabled or disabled"}
}

// newSessionID makes the id of a session. Libraries read the key from it before they sign a token for the session.
func (t *Tokens) newSessionID(now time.Time) string {
	fields := "1~" + t.key + "~~" + strconv.FormatInt(milliseconds(now), 10) + "~" + rand.Text() + "~"
	return "1_" + base64.RawURLEncoding.EncodeToString([]byte(fields))
}

// createDate is the form of create_dt.
const createDate = "Mon Jan 02 15:04:05 MST 2006"

// createdSession is a session in the answer to its creation.
type createdSession struct {
	XMLName   xml.Name `xml:"Session" json:"-"`
	ID        string   `xml:"session_id" json:"session_id"`
	ProjectID string   `xml:"project_id" json:"project_id"`
	PartnerID string   `xml:"partner_id" json:"partner_id"`
	CreatedAt string   `xml:"create_dt" json:"create_dt"`
	MediaMode string   `xml:"media_mode" json:"media_mode"`
	ServerURL string   `xml:"media_server_url" json:"media_server_url"` // always empty, as OpenTok has it by now
}

// created answers with a new session, as JSON or as XML.
func created(r *http.Request, key string, s *session.Session) (answer, error) {
	made := createdSession{ID: s.ID, ProjectID: key, PartnerID: key, CreatedAt: s.CreatedAt.UTC().Format(createDate), MediaMode: mediaModes[s.MediaMode]}
	if wantsJSON(r) {
		return answer{status: http.StatusOK, value: []createdSession{made}}, nil
	}
	document, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"sessions"`
		Session createdSession
	}{Session: made})
	if err != nil {
		return answer{}, fmt.Errorf("write a session as XML: %w", err)
	}
	return answer{status: http.StatusOK, kind: "text/xml; charset=utf-8",
		text: `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + string(document)}, nil
}

var mediaModes = map[session.MediaMode]string{session.MediaRelayed: "relayed", session.MediaRouted: "routed"}
