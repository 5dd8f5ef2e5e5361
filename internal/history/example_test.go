package history_test

import (
	"fmt"

	"chattok/internal/history"
)

// A recorder records the requests, answers and events of clients. Check finds those that can't be true of a correct
// server.
func ExampleCheck() {
	recorder := history.NewRecorder()
	first := history.Entry{Seq: 1, Sender: "ann", Body: "a", Version: 1, Place: 1}
	second := history.Entry{Seq: 2, Sender: "ann", Body: "b", Version: 1, Place: 2}
	reader := recorder.Subscriber("bob", 0)
	for _, entry := range []history.Entry{first, second} {
		recorder.Add(entry.Sender, entry.Body).Answered(entry)
	}
	reader.Saw(second) // without the first entry

	verdict := history.Check(recorder.History([]history.Entry{first, second}, nil))
	fmt.Println(verdict.Holds())
	for _, violation := range verdict.Violations {
		fmt.Println(violation.Rule)
	}
	// Output:
	// false
	// skipped
}
