//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"

	"github.com/gobwas/ws"
)

// protocol describes the messages between a product and its subscribers.
type protocol struct {
	path        string
	subprotocol string
	// members is true where callers connect to a session first; otherwise the whole product is one session.
	members bool
	// serverPosts is true where the product posts by itself (POST /publish), not by callers' addChatEntry.
	serverPosts bool
	// open subscribes the i-th subscriber on an upgraded connection.
	open func(conn net.Conn, r *bufio.Reader, access string, i int) error
	// mark stands right before an entry's number.
	mark []byte
	// bodyFirst is true where an entry's body comes before the mark, not after it.
	bodyFirst bool
	// isPing recognises the message that pong answers.
	isPing func(message []byte) bool
	pong   []byte // a whole frame
}

var chattok = protocol{
	path: "/graphql", subprotocol: "graphql-transport-ws", members: true,
	open: func(conn net.Conn, r *bufio.Reader, access string, i int) error {
		// From the log's beginning, so that no subscriber misses the first entry however late it is served.
		return openGraphQL(conn, r, access, i, `subscription{entryAdded(after:\"0\"){seq connectionId body createdAt}}`)
	},
	mark: []byte(`"entryAdded":{"seq":`), isPing: isGraphQLPing, pong: clientFrame(ws.OpText, `{"type":"pong"}`),
}

var stockGraphQL = protocol{
	path: "/graphql", subprotocol: "graphql-transport-ws",
	open: func(conn net.Conn, r *bufio.Reader, access string, i int) error {
		return openGraphQL(conn, r, access, i, `subscription{entryAdded{seq connectionId body createdAt}}`)
	},
	mark: chattok.mark, isPing: isGraphQLPing, pong: chattok.pong,
}

var centrifuge = protocol{
	path: "/ws", serverPosts: true,
	open: func(conn net.Conn, r *bufio.Reader, _ string, _ int) error {
		for _, command := range []string{`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"c"}}`} {
			answer, err := exchange(conn, r, command)
			if err != nil {
				return err
			}
			if strings.Contains(answer, `"error"`) {
				return fmt.Errorf("%s: %s", command, answer)
			}
		}
		return nil
	},
	mark: []byte(`"offset":`), bodyFirst: true,
	isPing: func(m []byte) bool { return len(m) == 2 && m[0] == '{' && m[1] == '}' }, pong: clientFrame(ws.OpText, "{}"),
}

// openGraphQL initialises and subscribes. Operation ids are as long as clients' usual UUIDs.
func openGraphQL(conn net.Conn, r *bufio.Reader, access string, i int, query string) error {
	payload := "{}"
	if access != "" {
		payload = `{"Authorization":"Bearer ` + access + `"}`
	}
	answer, err := exchange(conn, r, `{"type":"connection_init","payload":`+payload+`}`)
	if err != nil {
		return err
	}
	if !strings.Contains(answer, `"connection_ack"`) {
		return fmt.Errorf("connection_init: %s", answer)
	}
	subscribe := fmt.Sprintf(`{"id":"aaaaaaaa-0000-4000-8000-%012d","type":"subscribe","payload":{"query":"%s"}}`, i, query)
	_, err = conn.Write(clientFrame(ws.OpText, subscribe))
	return err
}

func isGraphQLPing(message []byte) bool { return bytes.Contains(message, []byte(`"type":"ping"`)) }
