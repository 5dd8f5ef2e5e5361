package wire_test

import (
	"fmt"

	"chattok/bus/wire"
	"chattok/session"
)

// A message that is too large for the bus travels without its entries: a node that reads the numbers alone fetches the entries
// from the database.
func ExampleMarshal() {
	entry := &session.ChatEntry{SessionID: "standup", Seq: 1, Place: 1, Body: "hello, everybody"}
	message := session.Message{SessionID: "standup", Seq: 1,
		Log: session.LogRun{Through: 1, Events: []*session.LogEvent{{Place: 1, Entry: entry}}}}
	for _, limit := range []int{1 << 20, 40} {
		written, err := wire.Marshal(wire.Envelope{Node: 7, Message: message}, limit)
		if err != nil {
			fmt.Println(err)
			return
		}
		read, err := wire.Unmarshal(written)
		fmt.Println(read.Message.SessionID, read.Message.Seq, len(read.Message.Log.Events), err)
	}
	// Output:
	// standup 1 1 <nil>
	// standup 1 0 <nil>
}
