package beforepost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"chattok/session"
)

// questionType is the type of a question, among the messages that a server may send.
const questionType = "BeforePost"

// question is the body of a request.
type question struct {
	Type      string `json:"type"`
	At        string `json:"at"` // RFC 3339
	SessionID string `json:"sessionId"`
	Posts     []post `json:"posts"`
}

// post is one post of a question. Fields that it does not have are null.
type post struct {
	ID             string            `json:"id"` // "1", "2", … in the question
	Type           session.DraftKind `json:"type"`
	ConnectionID   string            `json:"connectionId"`
	UserID         *string           `json:"userId"`
	Role           session.Role      `json:"role"`
	ConnectionData *string           `json:"connectionData"`
	EntryID        *string           `json:"entryId"`
	ReplyTo        *string           `json:"replyTo"`
	Body           string            `json:"body"`
	Data           *string           `json:"data"`
}

// timeLayout is that of the API's scalar Time.
const timeLayout = "2006-01-02T15:04:05.000Z"

func encodeQuestion(sessionID string, at time.Time, drafts []session.Draft) ([]byte, error) {
	q := question{Type: questionType, At: at.UTC().Format(timeLayout), SessionID: sessionID, Posts: make([]post, len(drafts))}
	for i, d := range drafts {
		q.Posts[i] = post{ID: strconv.Itoa(i + 1), Type: d.Kind, ConnectionID: d.ConnectionID, UserID: d.UserID, Role: d.Role,
			ConnectionData: d.ConnectionData, EntryID: orNull(d.EntryID), ReplyTo: orNull(d.ReplyTo), Body: d.Body, Data: d.Data}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(q); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// answer is the body of a response. Its verdicts are decoded one by one, so that one that is none fails alone.
type answer struct {
	Verdicts []json.RawMessage `json:"verdicts"`
}

// verdict is the backend's decision about one post.
type verdict struct {
	ID      string  `json:"id"`
	Action  string  `json:"action"`
	Body    *string `json:"body"`
	Message string  `json:"message"`
}

// decodeAnswer returns the verdicts on n posts.
func decodeAnswer(text []byte, n int) ([]session.Verdict, error) {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("the answer is not of the form {\"verdicts\": […]}: %w", err)
	}
	if a.Verdicts == nil {
		return nil, errors.New("the answer has no verdicts")
	}
	verdicts := make([]session.Verdict, n)
	decided := make([]bool, n)
	for _, raw := range a.Verdicts {
		var v verdict
		failed := json.Unmarshal(raw, &v)
		number, err := strconv.Atoi(v.ID)
		if err != nil || number < 1 || number > n {
			continue // about no post of the question
		}
		at := number - 1
		switch {
		case decided[at]:
			verdicts[at] = session.Verdict{Problem: "there are two"}
		case failed != nil:
			verdicts[at] = session.Verdict{Problem: failed.Error()}
		default:
			verdicts[at] = v.decision()
		}
		decided[at] = true
	}
	return verdicts, nil
}

// decision returns the verdict as the domain has it.
func (v verdict) decision() session.Verdict {
	switch {
	case v.Action == "allow":
		return session.Verdict{Action: session.VerdictAllow}
	case v.Action == "refuse":
		return session.Verdict{Action: session.VerdictRefuse, Message: v.Message}
	case v.Action == "replace" && v.Body != nil:
		return session.Verdict{Action: session.VerdictReplace, Body: *v.Body}
	case v.Action == "replace":
		return session.Verdict{Problem: "a verdict replaces a body and has none"}
	}
	return session.Verdict{Problem: fmt.Sprintf("the action %.32q is none of allow, refuse and replace", v.Action)}
}
