package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chattok/session"
)

const (
	// queueMessages is how many messages may wait to be sent.
	queueMessages = 4096
	// answerTimeout bounds the wait of a message without numbers until the server has it.
	answerTimeout = 5 * time.Second
)

// errLate refuses a message that was published before an outage and would be sent after it.
var errLate = errors.New("the bus was cut off meanwhile")

// Queue holds messages that wait to be sent, in the order of Add. T is the form in which a bus sends them.
type Queue[T any] struct {
	link  *Link
	items chan Item[T]
}

// Item is one message of a Queue. The goroutine that takes it answers it.
type Item[T any] struct {
	Value   T
	outages int64      // of the link when the message was published
	answer  chan error // has room for one; nil where nobody waits for an answer
}

// NewQueue returns an empty queue.
func NewQueue[T any](l *Link) *Queue[T] {
	return &Queue[T]{link: l, items: make(chan Item[T], queueMessages)}
}

// Add appends a message. A message with numbers is refused where the queue is full; any other one waits for room and for
// its answer. added is called when the queue holds the message.
func (q *Queue[T]) Add(ctx context.Context, m session.Message, value T, added func()) error {
	item := Item[T]{Value: value, outages: q.link.outages.Load()}
	if err := q.link.Err(); err != nil { // after outages was read, so that no outage is missed
		return err
	}
	if Numbered(m) {
		select {
		case q.items <- item:
			added()
			return nil
		default:
			return fmt.Errorf("%d messages wait to be sent", queueMessages)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	item.answer = make(chan error, 1)
	select {
	case q.items <- item:
		added()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-item.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Items returns the channel of the messages, for a bus whose server refuses late ones itself.
func (q *Queue[T]) Items() <-chan Item[T] { return q.items }

// Len returns how many messages wait.
func (q *Queue[T]) Len() int { return len(q.items) }

// Take returns the next message; ok is false where none waits. It refuses those that an outage has made late.
func (q *Queue[T]) Take() (item Item[T], ok bool) {
	for {
		select {
		case item = <-q.items:
			if item.outages == q.link.outages.Load() {
				return item, true
			}
			q.Answer(item, errLate)
		default:
			return item, false
		}
	}
}

// Refuse answers all messages that wait with an error.
func (q *Queue[T]) Refuse(err error) {
	for {
		select {
		case item := <-q.items:
			q.Answer(item, err)
		default:
			return
		}
	}
}

// Answer says how the sending of a message ended. A failure that no caller waits for is counted.
func (q *Queue[T]) Answer(item Item[T], err error) {
	switch {
	case item.answer != nil:
		item.answer <- err
	case err != nil:
		q.link.refused.Add(1)
	}
}
