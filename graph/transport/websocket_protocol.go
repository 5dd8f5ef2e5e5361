package transport

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Names of the subprotocols. The older one is what gqlgen's test client speaks, and what is spoken where none is named.
const (
	protocolModern = "graphql-transport-ws"
	protocolLegacy = "graphql-ws"
)

// protocol is how the two subprotocols spell the same things.
type protocol struct {
	name                  string
	subscribe, complete   string // from the client
	next                  string // to the client
	refuseInit            bool   // a refused connection_init is answered by connection_error before the close
	keepAlive, terminates bool   // ka after the ack, and again and again; connection_terminate
	early                 bool   // operations may come after connection_init without waiting for its ack
}

var (
	modern = &protocol{name: protocolModern, subscribe: "subscribe", complete: "complete", next: "next"}
	legacy = &protocol{name: protocolLegacy, subscribe: "start", complete: "stop", next: "data", refuseInit: true, keepAlive: true, terminates: true, early: true}
)

// chooseProtocol picks the subprotocol; ok is false where some are offered and none is known.
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

// message is one from the client.
type message struct {
	ID      string
	Type    string
	Payload json.RawMessage
}

// parseMessage reads a message; why says what is wrong with one that breaks the protocol.
func parseMessage(raw []byte) (m message, why string) {
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

// initPayload returns the Authorization value of connection_init's payload; ok is false where it breaks the protocol.
func initPayload(payload json.RawMessage) (authorization string, ok bool) {
	if payload == nil {
		return "", true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return "", false
	}
	for name, value := range members {
		if strings.EqualFold(name, "Authorization") && string(value) != "null" {
			return authorization, json.Unmarshal(value, &authorization) == nil
		}
	}
	return "", true
}

// appendMessage appends a message to the client. id and payload, which is JSON, are left out where they are empty.
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

// appendMessagePrefix appends all of a message that comes before its payload; after that there is only "}".
func appendMessagePrefix(b []byte, kind, id string) []byte {
	return append(appendMessageHead(b, kind, id), `,"payload":`...)
}
