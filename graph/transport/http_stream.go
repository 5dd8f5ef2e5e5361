package transport

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// lastEventID is the header by which an SSE client that comes back says where it was; its value stands for the
// subscription's position.
const lastEventID = "Last-Event-ID"

// Answer is a StreamFunc. A subscription's stream counts as a socket does: its connection lives while it is open, and
// the limits on sockets hold; above them the request is refused with status 503 or 429, and Retry-After.
//
// The request's own goroutine does all the writing, so nothing can be written after the handler has returned, and each
// write is of whole events, under the write deadline. A stream ends by its protocol's end where the subscription ended,
// failed, or where its connection has ended, which is an error; at a shutdown it is cut, so that clients come back.
func (t *Streams) Answer(w http.ResponseWriter, r *http.Request, framing Framing,
	op *graphql.OperationContext, errs gqlerror.List, exec graphql.GraphExecutor) {
	s := &httpStream{streams: t, exec: exec, op: op, w: w, control: http.NewResponseController(w),
		framer: framing.framer(), client: limited(t.config.Client(r))}
	s.ctx, s.cancel = context.WithCancelCause(r.Context())
	defer s.cancel(nil)
	switch {
	case r.Method == http.MethodHead:
		setHeaders(w.Header(), s.framer)
	case len(errs) > 0:
		s.answerOnce(s.present(CapErrors(errs)))
	case op.Operation.Operation != ast.Subscription:
		ctx, hold := t.config.Answers.holding(s.ctx, s.client)
		defer hold.release()
		responses, ctx := exec.DispatchOperation(ctx, op)
		s.answerOnce(responses(ctx))
	case !r.ProtoAtLeast(1, 1):
		WriteError(w, http.StatusHTTPVersionNotSupported, newError(session.CodeBadUserInput, ReasonHTTPVersion,
			"a stream needs HTTP/1.1 or newer: over HTTP/1.0 one that is cut off looks complete; nginx speaks 1.1 to a server where proxy_http_version 1.1 says so"))
	default:
		var resume string
		if framing == SSE {
			resume = r.Header.Get(lastEventID)
		}
		s.run(resume)
	}
}

// httpStream is one operation whose responses are a stream in one HTTP response.
type httpStream struct {
	streams *Streams
	exec    graphql.GraphExecutor
	op      *graphql.OperationContext
	w       http.ResponseWriter
	control *http.ResponseController
	framer  framer
	client  netip.Prefix    // whose limit it counts to; not valid where to none
	ctx     context.Context // the operation's; ends with the stream, for a cause
	cancel  context.CancelCauseFunc

	silence *time.Timer // until a keep-alive is due
	over    error       // why nothing more can be written; nil while it can
}

// end ends the stream: with an error for why its connection has ended, or, for errRestart, by a cut. It may be
// called from any goroutine, and more than once.
func (s *httpStream) end(why error) { s.cancel(why) }

// present has the executor present errors that come from no execution.
func (s *httpStream) present(errs gqlerror.List) *graphql.Response {
	return s.exec.DispatchError(graphql.WithOperationContext(s.ctx, s.op), errs)
}

// answerOnce writes a stream of one response and its end, whose length is known; nil where the request was given up.
func (s *httpStream) answerOnce(response *graphql.Response) {
	if response == nil {
		WriteError(s.w, http.StatusServiceUnavailable, newError(session.CodeUnavailable, "", "the request was given up"))
		return
	}
	one, all := getBuffer(), getBuffer()
	defer putBuffer(one)
	defer putBuffer(all)
	*one = AppendResponse((*one)[:0], response)
	*all = s.framer.last(s.framer.begin((*all)[:0]), *one)
	setHeaders(s.w.Header(), s.framer)
	s.w.Header().Set("Content-Length", strconv.Itoa(len(*all)))
	writePieces(s.w, *all)
}

// run is a subscription's stream from its beginning to its end.
func (s *httpStream) run(resume string) {
	t := s.streams
	if why := t.admitStream(s); why != "" {
		why.refuse(s.w)
		return
	}
	defer t.removeStream(s)
	detach, err := t.config.Attach(s.ctx, func(e *session.Error) { s.end(e) })
	if err != nil {
		s.refuse(err)
		return
	}
	defer detach()
	place, err := t.place(s.ctx, s.op, s.client, resume)
	if err != nil {
		if asError(err).Reason == session.ReasonCursorMismatch {
			err = session.CursorMismatch(lastEventID)
		}
		s.refuse(err)
		return
	}
	_ = s.control.SetReadDeadline(time.Time{}) // the server's is for requests that end
	t.subscriptions.Add(1)
	defer t.subscriptions.Add(-1)
	lift := limitSilence(s.ctx, t.config.WriteTimeout)
	defer lift() // the connection may go on to other requests
	s.silence = time.NewTimer(t.config.KeepAlive)
	defer s.silence.Stop()
	if place.topic != nil {
		s.followShared(place)
	} else {
		s.followAlone()
	}
	why := context.Cause(s.ctx)
	if ended, ok := errors.AsType[*session.Error](why); ok {
		s.fail(ended)
	}
	if s.setDeadline(); errors.Is(why, errRestart) {
		s.cut()
	}
}

// cut ends the response without the end that HTTP gives it: one that ends well would look to some clients, such as urql,
// as if the subscription were over.
func (s *httpStream) cut() { _ = s.control.SetWriteDeadline(time.Unix(1, 0)) }

// refuse answers a subscription that can't begin: with a status that says come back, or with a stream of the error.
func (s *httpStream) refuse(err error) {
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, errRestart) {
		crowdedClosed.refuse(s.w)
		return
	}
	response := s.present(gqlerror.List{gqlerror.WrapPath(nil, err)})
	switch asError(err).Code {
	case session.CodeUnavailable:
		refuseForNow(s.w, http.StatusServiceUnavailable, response.Errors[0])
	case session.CodeRateLimited:
		refuseForNow(s.w, http.StatusTooManyRequests, response.Errors[0])
	default:
		s.answerOnce(response)
	}
}

// begin lets the client know that it follows.
func (s *httpStream) begin() {
	setHeaders(s.w.Header(), s.framer)
	s.w.WriteHeader(http.StatusOK)
	_ = s.write(s.framer.begin(nil))
}

// followShared writes a topic's events, which are executed once for its group, until the stream ends.
func (s *httpStream) followShared(place place) {
	topic := place.topic
	var m membership
	if err := s.streams.groups.join(&m, s.exec, s.op, place); err != nil {
		s.refuse(err)
		return
	}
	defer m.withdraw()
	wake := make(chan struct{}, 1)
	stop := m.group.listen(wake)
	defer stop()
	s.begin()
	if !s.deliver(&m, topic.after, topic.first, true) {
		return
	}
	for after, pause := topic.after, time.Duration(0); ; {
		events, next, err := s.take(topic, after)
		switch {
		case s.ctx.Err() != nil:
			return
		case err != nil && asError(err).Code != session.CodeUnavailable:
			s.fail(err)
			return
		case err != nil: // which may pass
			pause = min(max(2*pause, 100*time.Millisecond), 2*time.Second)
			if !s.wait(nil, time.After(pause)) {
				return
			}
		case next == after:
			if !s.wait(wake, nil) {
				return
			}
		default:
			if !s.deliver(&m, after, events, false) {
				return
			}
			after, pause = next, 0
		}
	}
}

// take returns the events after a position, and the position to go on after. It may wait for the store.
func (s *httpStream) take(topic *Topic, after int64) (events []any, next int64, err error) {
	events, gone := topic.read(nil, after, takeEvents)
	if gone {
		return topic.behind(s.ctx, after)
	}
	return events, after + int64(len(events)), nil
}

// deliver writes the events after a position, those of them that the reader sees, as many at a time as fit a write, and
// says whether the stream goes on. The topic's first ones are the reader's own.
func (s *httpStream) deliver(m *membership, after int64, events []any, first bool) bool {
	topic := m.topic
	if sees := topic.sees; sees != nil && !first {
		seen := events[:0]
		for _, e := range events {
			if sees(e) {
				seen = append(seen, e)
			}
		}
		events = seen
	}
	for len(events) > 0 {
		n := s.deliverSome(m, after, events)
		if n == 0 {
			return false
		}
		after, events = after+int64(n), events[n:]
	}
	return true
}

// deliverSome writes the first of some events and returns how many; none where the stream is over.
func (s *httpStream) deliverSome(m *membership, after int64, events []any) int {
	bytes, release := m.group.renderInTurn(s.ctx, s.client, events)
	defer release()
	buffer := getBuffer()
	defer putBuffer(buffer)
	frames := (*buffer)[:0]
	defer func() { *buffer = frames }()
	for i, r := range bytes {
		switch {
		case r.final && r.response == nil:
			s.finish(s.framer.complete(frames))
			return 0
		case r.final:
			s.finish(s.framer.last(frames, r.response))
			return 0
		}
		var cursor string
		if m.topic.cursor != nil {
			cursor = m.topic.cursor(after + 1 + int64(i))
		}
		frames = s.framer.next(frames, cursor, r.payload)
	}
	if len(frames) > 0 && s.write(frames) != nil || s.ctx.Err() != nil {
		return 0
	}
	return len(bytes)
}

// wait returns true when there may be more, or a pause is over, and keeps the stream alive meanwhile; false when it has
// ended.
func (s *httpStream) wait(wake <-chan struct{}, pause <-chan time.Time) bool {
	for {
		select {
		case <-s.ctx.Done():
			return false
		case <-wake:
			return true
		case <-pause:
			return true
		case <-s.silence.C:
			if s.write(s.framer.keepAlive(nil)) != nil {
				return false
			}
		}
	}
}

// followAlone writes the responses of an execution of the stream's own, until it ends.
func (s *httpStream) followAlone() {
	ctx, cancel := context.WithCancel(s.ctx)
	responses, ctx := s.exec.DispatchOperation(ctx, s.op)
	next := make(chan rendered)
	var executing sync.WaitGroup
	executing.Go(func() { s.execute(ctx, responses, next) })
	defer executing.Wait()
	defer cancel()
	s.begin()
	for s.over == nil {
		select {
		case <-s.ctx.Done():
			return
		case r := <-next:
			switch {
			case !r.final:
				_ = s.write(s.framer.next(nil, "", r.payload))
			case r.response != nil:
				s.finish(s.framer.last(nil, r.response))
			case s.ctx.Err() == nil: // of itself: a stream that is cut must not look like one that is over
				s.finish(s.framer.complete(nil))
			default:
				return
			}
		case <-s.silence.C:
			_ = s.write(s.framer.keepAlive(nil))
		}
	}
}

// execute hands on responses until the final one, or until ctx is done.
func (s *httpStream) execute(ctx context.Context, responses graphql.ResponseHandler, next chan<- rendered) {
	for final := false; !final; {
		r := s.executeOne(ctx, responses)
		final = r.final
		select {
		case next <- r:
		case <-ctx.Done():
			return
		}
	}
}

// executeOne makes errors of a panic where gqlgen does not look.
func (s *httpStream) executeOne(ctx context.Context, responses graphql.ResponseHandler) (r rendered) {
	defer func() {
		if cause := recover(); cause != nil {
			r = newRendered(&graphql.Response{Errors: gqlerror.List{presentPanic(ctx, s.exec, cause)}})
		}
	}()
	return newRendered(responses(ctx))
}

// fail ends the stream with an error that is not the operation's own.
func (s *httpStream) fail(err error) {
	errs := s.present(gqlerror.List{gqlerror.WrapPath(nil, err)}).Errors
	s.finish(s.framer.fail(nil, AppendErrors(nil, errs)))
}

// finish writes what ends the stream.
func (s *httpStream) finish(b []byte) {
	_ = s.write(b)
	s.over = errOver
}

// errOver keeps anything from being written after the end.
var errOver = errors.New("the stream has ended")

// write writes whole events at once, under the write deadline, and sends them off. The error says that the client takes
// no more; there is nothing further to do about it.
func (s *httpStream) write(b []byte) error {
	if s.over != nil {
		return s.over
	}
	var err error
	for piece := range slices.Chunk(b, pieceBytes) {
		s.setDeadline()
		if _, err = s.w.Write(piece); err != nil {
			break
		}
	}
	if err == nil {
		if err = s.control.Flush(); errors.Is(err, http.ErrNotSupported) {
			err = nil // it keeps nothing back
		}
	}
	if err == nil {
		_ = s.control.SetWriteDeadline(time.Time{}) // HTTP/2 ends a stream whose deadline passes, also one that is idle
	}
	if s.over = err; err == nil && s.silence != nil {
		s.silence.Reset(s.streams.config.KeepAlive)
	}
	return err
}

// setDeadline gives the client its time to take what is written next. net/http lifts the deadline after the response.
// Not every ResponseWriter knows deadlines; those that don't are no sockets.
func (s *httpStream) setDeadline() {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.streams.config.WriteTimeout))
}
