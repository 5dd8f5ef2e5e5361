package opentok

import (
	"errors"
	"net/http"
	"slices"

	"chattok/session"
)

// project is the answer to a mute: the project, of which a server has one.
type project struct {
	ID          string `json:"id"`
	ProjectID   string `json:"projectId"`
	Status      string `json:"status"`
	Name        string `json:"name"`
	Environment string `json:"environment"`
	CreatedAt   int64  `json:"createdAt"`
}

func (h *Handler) project() answer {
	return answer{status: http.StatusOK, value: project{ID: h.Tokens.key, ProjectID: h.Tokens.key, Status: "ACTIVE", Environment: "standard"}}
}

// muteStream mutes one stream.
func (h *Handler) muteStream(_ http.ResponseWriter, r *http.Request, sessionID, id string) (answer, error) {
	in, err := h.Domain.In(r.Context(), caller, &sessionID)
	if err != nil {
		return answer{}, err
	}
	if _, err := h.Domain.ForceMute(r.Context(), in, session.MuteArgs{StreamID: &id}); err != nil {
		return answer{}, err
	}
	return h.project(), nil
}

// muteAll mutes all streams of a session save some, and those to come; or, where active is false, ends that for those to come.
func (h *Handler) muteAll(w http.ResponseWriter, r *http.Request, sessionID, _ string) (answer, error) {
	var asked struct {
		Active *flag    `json:"active"`
		IDs    []string `json:"excludedStreamIds"`
		Older  []string `json:"excludedStreams"` // as the libraries for Python, Ruby and Java write it
	}
	if err := readJSON(w, r, &asked); err != nil {
		return answer{}, err
	}
	if asked.Active == nil {
		return answer{}, refusal{http.StatusBadRequest, "active must be true or false"}
	}
	in, err := h.Domain.In(r.Context(), caller, &sessionID)
	if err != nil {
		return answer{}, err
	}
	if *asked.Active {
		_, err = h.Domain.ForceMute(r.Context(), in, session.MuteArgs{Except: slices.Concat(asked.IDs, asked.Older), Stay: true})
	} else {
		_, err = h.Domain.DisableForceMute(r.Context(), in)
	}
	if err != nil {
		return answer{}, err
	}
	return h.project(), nil
}

// flag is a boolean that Ruby's library writes as a string.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", `"true"`:
		*f = true
	case "false", `"false"`:
		*f = false
	default:
		return errors.New("not a boolean")
	}
	return nil
}
