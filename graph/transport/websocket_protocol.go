package transport

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Names of the subprotocols. The older one is spoken by gqlgen's test client, and to clients that name none.
const (
	protocolModern = "graphql-transport-ws"
	protocolLegacy = "graphql-ws"
)

// protocol holds the differences between the two subprotocols.
type protocol struct {
	name                  string
	subscribe, complete   string // from the client
	next                  string // to the client
	refuseInit            bool   // a refused connection_init is answered by connection_error before the close
	keepAlive, terminates bool   // ka after the ack and repeatedly; connection_terminate
	early                 bool   // operations may come after connection_init without waiting for its ack
}

var (
	modern = &protocol{name: protocolModern, subscribe: "subscribe", complete: "complete", next: "next"}
	legacy = &protocol{name: protocolLegacy, subscribe: "start", complete: "stop", next: "data", refuseInit: true, keepAlive: true, terminates: true, early: true}
)

// chooseProtocol picks the subprotocol; ok is false where the client offers some and none is known.
func chooseProtocol(header http.Header) (p *protocol, ok bool) {
	offered := false
	for _, line := range header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(line, ",") {
			offered = true
			switch strings.TrimSpace(name) {
			case protocolModern:
				return modern, true
			case protocolLegacy:
				p = legacy
			}
		}
	}
	if !offered {
		return legacy, true
	}
	return p, p != nil
}

// message is a message of the client.
type message struct {
	ID      string
	Type    string
	Payload json.RawMessage
}

// maxMembers bounds the members of a message's object; each takes many times the memory of its text.
const maxMembers = 100

// tooManyMembers says whether an object has more than maxMembers members itself. The result has no meaning for text
// that is not JSON.
func tooManyMembers(raw []byte) bool {
	depth, members := 0, 1
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 1 {
				members++
			}
		}
	}
	return members > maxMembers
}

// parseMessage reads a message; why is the fault of a message that breaks the protocol.
func parseMessage(raw []byte) (m message, why string) {
	if tooManyMembers(raw) {
		return m, "a message must have at most 100 members"
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return m, "a message must be one JSON object"
	}
	if json.Unmarshal(members["type"], &m.Type) != nil || m.Type == "" {
		return m, "a message must have a type, which is a string"
	}
	if id, ok := members["id"]; ok && json.Unmarshal(id, &m.ID) != nil {
		return m, "a message's id must be a string"
	}
	m.Payload = members["payload"]
	if string(m.Payload) == "null" {
		m.Payload = nil
	}
	return m, ""
}

// upgradeAuthorization returns the upgrade request's Authorization values with the scheme Bearer. A value of another
// scheme, such as Basic, is meant for a proxy and is ignored.
func upgradeAuthorization(header http.Header) (values []string) {
	for _, value := range header["Authorization"] {
		if scheme, _, _ := strings.Cut(value, " "); strings.EqualFold(scheme, bearer) {
			values = append(values, value)
		}
	}
	return values
}

const bearer = "Bearer"

// initPayload returns the Authorization values in connection_init's payload, from every place that clients use:
// Authorization and headers.Authorization, in any case, and token and authToken, which need no scheme. ok is false
// where the payload breaks the protocol.
func initPayload(payload json.RawMessage) (values []string, ok bool) {
	members, ok := objectOf(payload)
	if !ok {
		return nil, false
	}
	for name, value := range members {
		switch {
		case strings.EqualFold(name, "Authorization"):
			values, ok = appendText(values, value, "")
		case name == "token", name == "authToken":
			values, ok = appendText(values, value, bearer+" ")
		case name == "headers":
			var headers map[string]json.RawMessage
			headers, ok = objectOf(value)
			for header, value := range headers {
				if ok && strings.EqualFold(header, "Authorization") {
					values, ok = appendText(values, value, "")
				}
			}
		}
		if !ok {
			return nil, false
		}
	}
	return values, true
}

// objectOf returns the members of a JSON object; null and nothing have none.
func objectOf(value json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	if value == nil {
		return nil, true
	}
	return members, json.Unmarshal(value, &members) == nil
}

// appendText appends a JSON string unless it is empty or null, and puts the scheme before one that has none.
func appendText(values []string, value json.RawMessage, scheme string) ([]string, bool) {
	var text *string
	if json.Unmarshal(value, &text) != nil {
		return nil, false
	}
	if text == nil || *text == "" {
		return values, true
	}
	if len(*text) < len(scheme) || !strings.EqualFold((*text)[:len(scheme)], scheme) {
		return append(values, scheme+*text), true
	}
	return append(values, *text), true
}

// oneAuthorization returns the value that all values are equal to, "" where there are none; ok is false where two
// differ.
func oneAuthorization(values []string) (authorization string, ok bool) {
	for i, value := range values {
		scheme, token, _ := strings.Cut(value, " ")
		if strings.EqualFold(scheme, bearer) {
			value = bearer + " " + strings.TrimSpace(token)
		}
		if i > 0 && value != authorization {
			return "", false
		}
		authorization = value
	}
	return authorization, true
}

// appendMessage appends a message to the client, without id and payload where they are empty; payload is JSON.
func appendMessage(b []byte, kind, id string, payload []byte) []byte {
	b = appendMessageHead(b, kind, id)
	if len(payload) > 0 {
		b = append(append(b, `,"payload":`...), payload...)
	}
	return append(b, '}')
}

func appendMessageHead(b []byte, kind, id string) []byte {
	b = append(b, '{')
	if id != "" {
		encoded, _ := json.Marshal(id)
		b = append(append(append(b, `"id":`...), encoded...), ',')
	}
	return strconv.AppendQuote(append(b, `"type":`...), kind)
}

// appendMessagePrefix appends the part of a message before its payload. Only "}" follows the payload.
func appendMessagePrefix(b []byte, kind, id string) []byte {
	return append(appendMessageHead(b, kind, id), `,"payload":`...)
}
