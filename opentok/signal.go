package opentok

import (
	"fmt"
	"net/http"

	"chattok/session"
)

// signal sends a signal to all of a session, or to one connection.
func (h *Handler) signal(w http.ResponseWriter, r *http.Request, sessionID, to string) (answer, error) {
	var sent struct {
		Type *string `json:"type"`
		Data *string `json:"data"`
	}
	if err := readJSON(w, r, &sent); err != nil {
		return answer{}, err
	}
	g := session.Signal{Data: sent.Data}
	if sent.Type != nil {
		g.Type = *sent.Type
	}
	if len(g.Type) > session.MaxNameBytes || g.Data != nil && len(*g.Data) > session.MaxSignalDataBytes {
		return answer{}, refusal{http.StatusRequestEntityTooLarge,
			fmt.Sprintf("type must be at most %d bytes, and data %d", session.MaxNameBytes, session.MaxSignalDataBytes)}
	}
	if to != "" {
		g.To = &to
	}
	in, err := h.Domain.In(r.Context(), caller, &sessionID)
	if err != nil {
		return answer{}, err
	}
	if _, err := h.Domain.SendSignal(r.Context(), in, g); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}
