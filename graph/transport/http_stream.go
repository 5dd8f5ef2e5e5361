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

	"chattok/graph/transport/gqlerr"
	"chattok/internal/backoff"
	"chattok/session"
)

// lastEventID is the header in which an SSE client that comes back names the last event it got. Its value takes the
// place of the subscription's position.
const lastEventID = "Last-Event-ID"

// retryRead is the wait before a stream reads again from a store that is unavailable.
var retryRead = backoff.Backoff{First: 100 * time.Millisecond, Longest: 2 * time.Second}

// Answer is a StreamFunc. A subscription's stream counts as a socket does: its connection lives while the stream is
// open, and the limits on sockets hold. Above them the request is refused with status 503 or 429 and Retry-After.
//
// The request's own goroutine does all the writing, so nothing is written after the handler has returned. Each write is
// of whole events, under the write deadline. A stream ends as its protocol says where the subscription has ended or
// failed, or where its connection has ended, which is an error. At a shutdown it is cut, so that clients come back.
func (t *Streams) Answer(w http.ResponseWriter, r *http.Request, framing Framing,
	op *graphql.OperationContext, errs gqlerror.List, exec graphql.GraphExecutor) {
	s := &httpStream{streams: t, exec: exec, op: op, w: w, r: r, control: http.NewResponseController(w),
		framer: framing.framer(), client: limited(t.config.Client(r))}
	s.ctx, s.cancel = context.WithCancelCause(r.Context())
	defer s.cancel(nil)
	switch {
	case r.Method == http.MethodHead:
		setHeaders(w.Header(), s.framer)
	case len(errs) > 0:
		s.answerOnce(s.present(gqlerr.Cap(errs)))
	case op.Operation.Operation != ast.Subscription:
		ctx, hold := t.config.Answers.reserve(s.ctx, s.client)
		defer hold.release()
		response := dispatch(ctx, exec, op, t.config.Begin, t.config.Answered)
		hold.executed()
		s.answerOnce(response)
	case !r.ProtoAtLeast(1, 1):
		WriteError(w, r, http.StatusHTTPVersionNotSupported, gqlerr.New(session.CodeBadUserInput, ReasonHTTPVersion,
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
	r       *http.Request
	control *http.ResponseController
	framer  framer
	client  netip.Prefix    // whose limits it counts to; not valid where it counts to none
	ctx     context.Context // of the operation; ends with the stream, for a cause
	cancel  context.CancelCauseFunc

	silence *time.Timer // until a keep-alive is due
	over    error       // why nothing more can be written; nil while something can
}

// end ends the stream: with an error that says why its connection has ended, or by a cut for errRestart. It may be
// called from any goroutine, and more than once.
func (s *httpStream) end(why error) { s.cancel(why) }

// present makes a response of errors that come from no execution.
func (s *httpStream) present(errs gqlerror.List) *graphql.Response {
	return s.exec.DispatchError(graphql.WithOperationContext(s.ctx, s.op), errs)
}

// answerOnce writes a stream of one response and its end, with the length stated; nil means that the client gave up.
func (s *httpStream) answerOnce(response *graphql.Response) {
	if response == nil {
		writeError(s.w, http.StatusServiceUnavailable, gqlerr.New(session.CodeUnavailable, "", "the request was given up"))
		return
	}
	buffer := getBuffer()
	defer putBuffer(buffer)
	before, after := s.framer.last()
	var data, end []byte
	*buffer, data, end = appendResponseParts(append(s.framer.begin((*buffer)[:0]), before...), response)
	end = append(end, after...)
	setHeaders(s.w.Header(), s.framer)
	s.w.Header().Set("Content-Length", strconv.Itoa(len(*buffer)+len(data)+len(end)))
	writePieces(s.w, *buffer, data, end)
}

// run serves a subscription's stream from its beginning to its end.
func (s *httpStream) run(resume string) {
	t := s.streams
	if why := t.admitStream(s); why != "" {
		why.refuse(s.w, s.r)
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
			first := asError(err).FirstCursor
			mismatch := session.CursorMismatch(lastEventID)
			mismatch.FirstCursor = first
			err = mismatch
		}
		s.refuse(err)
		return
	}
	_ = s.control.SetReadDeadline(time.Time{}) // the server's deadline is for requests that end
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

// cut ends the response without the end that HTTP gives it. Some clients, such as urql, take a response that ends well
// for a subscription that is over.
func (s *httpStream) cut() { _ = s.control.SetWriteDeadline(time.Unix(1, 0)) }

// refuse answers a subscription that can't begin: with a status that asks the client to come back, or with a stream of
// the error.
func (s *httpStream) refuse(err error) {
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, errRestart) {
		deniedRestarting.refuse(s.w, s.r)
		return
	}
	response := s.present(gqlerror.List{gqlerror.WrapPath(nil, err)})
	s.streams.config.Answered.tellOf(s.op, response)
	switch asError(err).Code {
	case session.CodeUnavailable:
		refuseForNow(s.w, s.r, http.StatusServiceUnavailable, response.Errors[0])
	case session.CodeRateLimited:
		refuseForNow(s.w, s.r, http.StatusTooManyRequests, response.Errors[0])
	default:
		s.answerOnce(response)
		untilTaken(s.w, s.r, true) // the stream is counted until then
	}
}

// begin sends the header and the framing's first bytes, by which the client knows that it follows.
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
	s.streams.config.Answered.tell(s.op, nil)
	wake := make(chan struct{}, 1)
	stop := m.group.listen(wake)
	defer stop()
	s.begin()
	first, start := topic.start()
	if !s.deliver(&m, start, first, true) {
		return
	}
	for after, failed := start, 0; ; {
		next, on, err := s.passOn(&m, after)
		switch {
		case !on || s.ctx.Err() != nil:
			return
		case err != nil && asError(err).Code != session.CodeUnavailable:
			s.fail(err)
			return
		case err != nil: // an error that may pass
			failed++
			if !s.wait(nil, time.After(retryRead.Wait(failed))) {
				return
			}
		case next == after:
			if !s.wait(wake, nil) {
				return
			}
		default:
			after, failed = next, 0
		}
	}
}

// passOn writes events after a position, for which it may wait for the store, and returns the position to go on after. on is false where the
// stream is over.
func (s *httpStream) passOn(m *membership, after int64) (next int64, on bool, err error) {
	events, gone := m.topic.read(nil, after, takeEvents)
	next = after + int64(len(events))
	if gone {
		leave, entered := s.enterBehind()
		if !entered {
			return after, false, nil
		}
		defer leave()
		if events, next, err = m.topic.behind(s.ctx, after); err != nil {
			return after, true, err
		}
	}
	return next, s.ctx.Err() == nil && s.deliver(m, after, events, false), nil
}

// enterBehind waits for a place among the readers of the past, and keeps the stream alive meanwhile.
func (s *httpStream) enterBehind() (leave func(), ok bool) {
	for {
		ctx, cancel := context.WithTimeout(s.ctx, s.streams.config.KeepAlive)
		leave, ok = s.streams.behind.enter(ctx, s.client)
		cancel()
		if ok || s.ctx.Err() != nil || s.write(s.framer.keepAlive(nil)) != nil {
			return leave, ok
		}
	}
}

// deliver writes the events after a position, as many at a time as fit a write, and says whether the stream goes on.
// Events that the reader does not see are left out, save where first says that they are the reader's own: those come before the
// position's next event, and have no positions.
func (s *httpStream) deliver(m *membership, after int64, events []any, first bool) bool {
	if sees := m.topic.filter(); sees != nil && !first {
		for i, e := range events {
			if !sees(e) {
				events[i] = nil // its position stays
			}
		}
	}
	step := int64(1)
	if first {
		step = 0
	}
	for len(events) > 0 {
		n := s.deliverSome(m, after, step, events)
		if n == 0 {
			return false
		}
		after, events = after+step*int64(n), events[n:]
	}
	return true
}

// render renders the first of some events, at least one, and keeps the stream alive while it waits; none where the stream is over.
func (s *httpStream) render(m *membership, events []any) (bytes []rendered, release func()) {
	for {
		ctx, cancel := context.WithTimeout(s.ctx, s.streams.config.KeepAlive)
		bytes, release = m.group.renderInTurn(ctx, s.client, events)
		cancel()
		if len(bytes) > 0 || s.ctx.Err() != nil || s.write(s.framer.keepAlive(nil)) != nil {
			return bytes, release
		}
	}
}

// deliverSome writes the first of some events, whose positions are a step apart, and returns how many it wrote; 0 where the stream is
// over.
func (s *httpStream) deliverSome(m *membership, after, step int64, events []any) int {
	bytes, release := s.render(m, events)
	defer release()
	if s.ctx.Err() != nil {
		return 0
	}
	buffer := getBuffer()
	defer putBuffer(buffer)
	frames, taken := (*buffer)[:0], int64(0)
	defer func() { *buffer = frames }()
	for i, r := range bytes {
		switch {
		case r.none():
			continue
		case r.final && r.response == nil:
			s.finish(s.framer.complete(frames))
			return 0
		case r.final:
			s.finish(appendLast(frames, s.framer, r.response))
			return 0
		}
		frames = s.framer.next(frames, m.topic.cursor(after+step*int64(i+1)), r.payload)
		taken++
	}
	if len(frames) > 0 && s.write(frames) != nil || s.ctx.Err() != nil {
		return 0
	}
	s.streams.counts.deliveries.Add(taken)
	if told := s.streams.config.Delivered; told != nil && taken > 0 {
		told(events[:len(bytes)])
	}
	return len(bytes)
}

// wait returns true when there may be more events, or a pause is over, and false when the stream has ended. It sends
// keep-alives meanwhile.
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

// followAlone writes the responses of an execution of its own until the stream ends.
func (s *httpStream) followAlone() {
	ctx, cancel := context.WithCancel(s.ctx)
	responses, ctx := s.exec.DispatchOperation(ctx, s.op)
	responses = s.streams.config.Answered.tellFirst(s.op, responses)
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
				if s.write(s.framer.next(nil, "", r.payload)) == nil {
					s.streams.counts.deliveries.Add(1)
				}
			case r.response != nil:
				s.finish(appendLast(nil, s.framer, r.response))
			case s.ctx.Err() == nil: // the subscription ended by itself; a stream that is cut must not look like that
				s.finish(s.framer.complete(nil))
			default:
				return
			}
		case <-s.silence.C:
			_ = s.write(s.framer.keepAlive(nil))
		}
	}
}

// execute passes responses on until the final one, or until ctx is done.
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

// executeOne turns a panic into an error where gqlgen does not.
func (s *httpStream) executeOne(ctx context.Context, responses graphql.ResponseHandler) (r rendered) {
	defer func() {
		if cause := recover(); cause != nil {
			r = newRendered(&graphql.Response{Errors: gqlerror.List{gqlerr.OfPanic(ctx, s.exec, cause)}})
		}
	}()
	return newRendered(responses(ctx))
}

// fail ends the stream with an error that is not the operation's own.
func (s *httpStream) fail(err error) {
	errs := s.present(gqlerror.List{gqlerror.WrapPath(nil, err)}).Errors
	s.finish(s.framer.fail(nil, gqlerr.AppendList(nil, errs)))
}

// finish writes the last bytes of the stream.
func (s *httpStream) finish(b []byte) {
	_ = s.write(b)
	s.over = errOver
}

// errOver is returned for a write after the end.
var errOver = errors.New("the stream has ended")

// write writes whole events at once, at the pace that the client has to keep, and flushes them. An error means that the client takes
// no more; nothing further is to be done about it.
func (s *httpStream) write(b []byte) error {
	if s.over != nil {
		return s.over
	}
	var err error
	pace := beginWrite(s.streams.config.WriteTimeout)
	for piece := range slices.Chunk(b, pieceBytes) {
		_ = s.control.SetWriteDeadline(pace.next(piece))
		if _, err = s.w.Write(piece); err != nil {
			break
		}
	}
	if err == nil {
		if err = s.control.Flush(); errors.Is(err, http.ErrNotSupported) {
			err = nil // a writer that can't flush keeps nothing back
		}
	}
	if err == nil {
		_ = s.control.SetWriteDeadline(time.Time{}) // HTTP/2 ends a stream whose deadline passes, even an idle one
	}
	if tookTooLong(err) {
		s.streams.counts.cutOff.Add(1)
	}
	if s.over = err; err == nil && s.silence != nil {
		s.silence.Reset(s.streams.config.KeepAlive)
	}
	return err
}

// setDeadline gives the client its time to take the next write. net/http lifts the deadline after the response. A
// ResponseWriter without deadlines, which is not a socket, is left as it is.
func (s *httpStream) setDeadline() {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.streams.config.WriteTimeout))
}
