package opentok

import (
	"net/http"
	"strings"

	"chattok/session"
)

// streamItem is a stream as OpenTok writes it.
type streamItem struct {
	ID            string   `json:"id"`
	VideoType     string   `json:"videoType"`
	Name          string   `json:"name"`
	LayoutClasses []string `json:"layoutClassList"` // always empty: nothing is composed
}

var videoTypes = map[session.VideoType]string{
	session.VideoCamera: "camera",
	session.VideoScreen: "screen",
	session.VideoCustom: "custom",
}

func toStreamItem(s *session.Stream) streamItem {
	item := streamItem{ID: s.ID, VideoType: videoTypes[s.VideoType], LayoutClasses: []string{}}
	if s.Name != nil {
		item.Name = *s.Name
	}
	return item
}

// streamList is the answer of listStreams.
type streamList struct {
	Count int          `json:"count"`
	Items []streamItem `json:"items"`
}

// listStreams answers with the streams of a session.
func (h *Handler) listStreams(_ http.ResponseWriter, r *http.Request, sessionID, _ string) (answer, error) {
	live, count, err := h.Domain.StreamsWithID(r.Context(), caller, sessionID, session.MaxListStreams)
	if err != nil {
		return answer{}, err
	}
	list := streamList{Count: count, Items: make([]streamItem, len(live))}
	for i, stream := range live {
		list.Items[i] = toStreamItem(stream)
	}
	return answer{status: http.StatusOK, value: list}, nil
}

// nodeAgent begins the User-Agent of npm's library.
const nodeAgent = "OpenTok-Node-SDK/"

// getStream answers with one stream. npm's library decodes an answer of application/json, and then gives what it has to
// JSON.parse, which fails; it gets the same text as text/plain.
func (h *Handler) getStream(_ http.ResponseWriter, r *http.Request, sessionID, id string) (answer, error) {
	stream, err := h.Domain.StreamWithID(r.Context(), caller, sessionID, id)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusOK, value: toStreamItem(stream)}
	if strings.Contains(r.UserAgent(), nodeAgent) {
		a.kind = "text/plain; charset=utf-8"
	}
	return a, nil
}

// setLayouts accepts the layout classes of streams, which have no effect: nothing is composed.
func (h *Handler) setLayouts(w http.ResponseWriter, r *http.Request, sessionID, _ string) (answer, error) {
	if err := readJSON(w, r, &struct{}{}); err != nil {
		return answer{}, err
	}
	return h.listStreams(w, r, sessionID, "")
}
