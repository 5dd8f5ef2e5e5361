package media_test

import (
	"fmt"

	"chattok/media"
	"chattok/session"
)

// Outside servers are named by their URIs, or as a JSON array of RTCIceServer.
func ExampleParseOutside() {
	outside, err := media.ParseOutside(`[{"urls": "stun:stun.example.com"},
		{"urls": "turn:turn.example.com?transport=tcp", "secret": "shared with the server"}]`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, server := range outside.Servers(&session.Connection{ID: "c1"}) {
		fmt.Println(server.URLs, server.Username != nil)
	}
	// Output:
	// [stun:stun.example.com] false
	// [turn:turn.example.com?transport=tcp] true
}
