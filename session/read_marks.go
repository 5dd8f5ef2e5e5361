package session

import (
	"context"
)

// readMarks moves the read marks of users, in groups, and tells their devices.
type readMarks struct {
	store     Store
	publisher *publisher
	queue     writeQueue[markWrite, markResult]
}

// markWrite is a mark that is to be moved, and the epoch of its session.
type markWrite struct {
	NewReadMark
	epoch Epoch
}

type markResult struct{ err error }

func newReadMarks(cfg Config, p *publisher) *readMarks {
	m := &readMarks{store: cfg.Store, publisher: p}
	m.queue = newWriteQueue(cfg.Store.ParallelCommits(), cfg.GroupLimit, cfg.QueueLimit,
		func(w markWrite) string { return w.SessionID }, m.commit)
	return m
}

// run moves marks until close is called and none waits.
func (m *readMarks) run() { m.queue.Run() }

// close refuses further marks.
func (m *readMarks) close() { m.queue.Close() }

// move moves a mark forwards. Errors: UNAVAILABLE; ctx's own, and then it may be moved or not.
func (m *readMarks) move(ctx context.Context, mark NewReadMark, epoch Epoch) error {
	r, err := m.queue.do(ctx, markWrite{mark, epoch})
	if err == nil {
		err = r.err
	}
	return err
}

// commit moves a group of marks, and tells of those that have moved.
func (m *readMarks) commit(group []markWrite) []markResult {
	ctx := context.Background() // many callers share the commit
	marks := make([]NewReadMark, len(group))
	for i, w := range group {
		marks[i] = w.NewReadMark
	}
	results := make([]markResult, len(group))
	moved, err := m.store.MarkRead(ctx, marks)
	for i, w := range group {
		results[i].err = err
		if err == nil && moved[i] {
			m.publisher.publish(ctx, Message{SessionID: w.SessionID, User: &UserEvent{UserID: w.UserID, Epoch: w.epoch, Place: w.Place}})
		}
	}
	return results
}
