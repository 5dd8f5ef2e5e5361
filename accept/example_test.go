package accept_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"chattok/accept"
)

// A server counts its connections by listening through Connections and telling them of each connection's state.
func Example() {
	connections := accept.New(accept.Config{Max: 1000, PerAddress: 100, Log: slog.New(slog.DiscardHandler)})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, connections.Open()) }),
		ConnState: connections.State,
	}
	go func() { _ = server.Serve(connections.Listener(listener)) }()
	defer server.Close()

	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	open, err := io.ReadAll(response.Body)
	fmt.Println("open:", string(open), err)
	// Output: open: 1 <nil>
}
