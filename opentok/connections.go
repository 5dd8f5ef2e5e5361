package opentok

import (
	"net/http"
	"strconv"

	"chattok/session"
)

// Sizes of a list of connections.
const (
	defaultCount = 50
	maxCount     = session.MaxListConnections
)

// connectionItem is a connection as OpenTok writes it.
type connectionItem struct {
	ID        string `json:"connectionId"`
	State     string `json:"connectionState"` // always Connected: those that have gone are not listed
	CreatedAt int64  `json:"createdAt"`       // in milliseconds
}

// connectionList is the answer of listConnections.
type connectionList struct {
	Count     int              `json:"count"` // of all
	ProjectID string           `json:"projectId"`
	SessionID string           `json:"sessionId"`
	Items     []connectionItem `json:"items"`
}

// listConnections answers with a part of the connections of a session, oldest first: count of them after the first offset.
func (h *Handler) listConnections(_ http.ResponseWriter, r *http.Request, sessionID, _ string) (answer, error) {
	offset, err := parameter(r, "offset", 0, 0, 1<<30)
	if err != nil {
		return answer{}, err
	}
	count, err := parameter(r, "count", defaultCount, 1, maxCount)
	if err != nil {
		return answer{}, err
	}
	live, total, err := h.Domain.ConnectionsWithID(r.Context(), caller, sessionID, offset, count)
	if err != nil {
		return answer{}, err
	}
	list := connectionList{Count: total, ProjectID: h.Tokens.key, SessionID: sessionID, Items: []connectionItem{}}
	for _, c := range live {
		list.Items = append(list.Items, connectionItem{ID: c.ID, State: "Connected", CreatedAt: milliseconds(c.CreatedAt)})
	}
	return answer{status: http.StatusOK, value: list}, nil
}

// parameter returns a number of the query. Errors: a refusal.
func parameter(r *http.Request, name string, absent, least, most int) (int, error) {
	written := r.URL.Query().Get(name)
	if written == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(written)
	if err != nil || n < least || n > most {
		return 0, refusal{http.StatusBadRequest, name + " must be " + strconv.Itoa(least) + " to " + strconv.Itoa(most)}
	}
	return n, nil
}

// disconnect ends a connection.
func (h *Handler) disconnect(_ http.ResponseWriter, r *http.Request, sessionID, id string) (answer, error) {
	in, err := h.Domain.In(r.Context(), caller, &sessionID)
	if err != nil {
		return answer{}, err
	}
	if _, err := h.Domain.ForceDisconnect(r.Context(), in, id); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}
