package session

import (
	"context"
	"time"
)

// Trace names one span of a trace, as W3C Trace Context does. Only spans that are recorded have one; the zero Trace is none.
type Trace struct {
	TraceID [16]byte
	SpanID  [8]byte
}

// IsZero says whether there is no span.
func (t Trace) IsZero() bool { return t == Trace{} }

// LogPlace is a place in one session's log.
type LogPlace struct {
	Epoch Epoch // the session's
	Place int64
}

// Tracer records the way of what is written from its operation to the commit and to the nodes. Its methods must not block.
type Tracer interface {
	// Operation returns the span of ctx's operation.
	Operation(ctx context.Context) Trace
	// Committed records a commit of so many writes, which has just ended, for these operations, of which there is one at least. It
	// returns the commit's span.
	Committed(begun time.Time, operations []Trace, writes int, failed bool) Trace
	// Stored tells the operation of ctx which commit stored what it wrote.
	Stored(ctx context.Context, commit Trace)
	// Arrived is called on each node before its readers can get the events of a commit, with the place of the newest.
	Arrived(commit Trace, at LogPlace)
}

// traces records commits; the zero traces record nothing and cost nothing.
type traces struct{ tracer Tracer }

// orNil returns the trace; nil for the zero Trace.
func (t Trace) orNil() *Trace {
	if t.IsZero() {
		return nil
	}
	traced := t // t itself would be allocated in any case
	return &traced
}

// operation returns the span of ctx's operation; nil where it is not traced.
func (t traces) operation(ctx context.Context) *Trace {
	if t.tracer == nil {
		return nil
	}
	return t.tracer.Operation(ctx).orNil()
}

// committed records a commit of the writes at these indexes of a group.
func (t traces) committed(begun time.Time, group []logWrite, writes []int, failed bool) Trace {
	if t.tracer == nil {
		return Trace{}
	}
	var operations []Trace
	for _, i := range writes {
		if of := group[i].trace; of != nil {
			operations = append(operations, *of)
		}
	}
	if len(operations) == 0 {
		return Trace{}
	}
	return t.tracer.Committed(begun, operations, len(writes), failed)
}

// stored tells the operation of ctx which commit stored what it wrote.
func (t traces) stored(ctx context.Context, commit *Trace) {
	if t.tracer != nil && commit != nil {
		t.tracer.Stored(ctx, *commit)
	}
}

// arrived is called before readers can get the events that a message tells of, whether it has them or not. epoch is its session's.
func (t traces) arrived(m Message, epoch Epoch) {
	if t.tracer != nil && !m.Trace.IsZero() {
		t.tracer.Arrived(m.Trace, LogPlace{epoch, m.Log.Through})
	}
}
