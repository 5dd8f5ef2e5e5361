// Command centrifuge is a server on the centrifuge library, the engine of Centrifugo, as a yardstick for fan-out: one
// channel "c", the memory broker, history for recovery, default settings.
//
// WebSocket at /ws. GET /subscribers says how many subscribe. GET /publish?n=1000&rate=0&size=200 publishes n entries
// with bodies of size bytes, rate a second or flat out for 0, and answers n when all are published. The port that
// CHATTOK_ADDR leaves open is printed.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

// kept is how many publications the channel keeps for recovery, and for how long.
const (
	kept    = 1000
	keptFor = time.Hour
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "u"}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{EnableRecovery: true}}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	http.Handle("/ws", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin: func(*http.Request) bool { return true },
	}))
	http.HandleFunc("/subscribers", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, node.Hub().NumSubscriptions())
	})
	http.HandleFunc("/publish", func(w http.ResponseWriter, r *http.Request) {
		n, err := publish(node, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, n)
	})
	listener, err := net.Listen("tcp", os.Getenv("CHATTOK_ADDR"))
	if err != nil {
		return err
	}
	fmt.Printf("centrifuge: http://%s\n", listener.Addr())
	return http.Serve(listener, nil)
}

// entry has the fields of a ChatTok entry; its number is centrifuge's offset.
type entry struct {
	ConnectionID string    `json:"connectionId"`
	Body         string    `json:"body"`
	CreatedAt    time.Time `json:"createdAt"`
}

// publish posts what the request asks for. Each body begins with the time in nanoseconds.
func publish(node *centrifuge.Node, r *http.Request) (int, error) {
	n, errN := strconv.Atoi(r.FormValue("n"))
	rate, errRate := strconv.ParseFloat(r.FormValue("rate"), 64)
	size, errSize := strconv.Atoi(r.FormValue("size"))
	if errN != nil || errRate != nil || errSize != nil {
		return 0, fmt.Errorf("n, rate and size must be numbers")
	}
	padding := strings.Repeat("x", max(0, size-20))
	start := time.Now()
	for i := range n {
		if rate > 0 {
			time.Sleep(time.Until(start.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		}
		now := time.Now()
		data, err := json.Marshal(entry{
			ConnectionID: "c0ffee00-0000-4000-8000-000000000000",
			Body:         fmt.Sprintf("%d|%s", now.UnixNano(), padding),
			CreatedAt:    now.UTC(),
		})
		if err != nil {
			return 0, err
		}
		if _, err := node.Publish("c", data, centrifuge.WithHistory(kept, keptFor)); err != nil {
			return 0, err
		}
	}
	return n, nil
}
