package transport

import (
	"bufio"
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// closeWait is how long a socket that the server closes waits for the client's own close frame. Closing at once could
// lose the server's frame.
const closeWait = time.Second

// maxInitBytes bounds the messages of a socket before its connection_ack.
const maxInitBytes = 32 << 10

// maxStrangerBytes bounds a message before the connection_init that is none itself: nobody has more to say there than a ping.
const maxStrangerBytes = 1 << 10

// Frames of a socket before its connection_init, such as pings, and before its connection_ack: the older protocol's clients send operations
// meanwhile.
const (
	maxStrangerFrames = 8
	maxEarlyFrames    = 64
)

// maxOperationIDBytes bounds an operation's id, which is part of each of its messages.
const maxOperationIDBytes = 128

// restartReason is the reason of a close at a shutdown.
const restartReason = "the server is restarting; come back with your last cursor"

// socket is one WebSocket. A goroutine reads its messages while there are any, and handles them. Its writer, its
// operations and its signs of life are values with locks or atomics of their own.
type socket struct {
	streams  *Streams
	exec     graphql.GraphExecutor
	protocol *protocol
	client   netip.Prefix // whose limits it counts to; not valid where it counts to none
	conn     net.Conn

	in    messageReader // owned by the goroutine that reads
	room  messageRoom   // owned by the goroutine that reads
	init  pendingInit   // owned by the goroutine that reads
	out   socketWriter
	ops   operations
	alive liveness
	idle  idleEntry // owned by idleSockets

	early   int           // frames that have come, of interest until the connection_ack; owned by the goroutine that reads
	waiting *list.Element // in admission.waiting, until its connection_init has come; guarded by admission.mu

	cancel   context.CancelFunc // ends every operation
	work     sync.WaitGroup     // operations under way
	opened   atomic.Bool        // conn is set
	closing  atomic.Bool        // no message is looked at any more
	detach   func()             // detaches the socket from the caller's connection; set by a goroutine of work
	catching sync.Mutex         // held by the member that catches up; taken before out.mu
	behind   sync.Mutex         // held by the member that reads the past, from reading to writing; taken before catching
}

// pendingInit is kept until connection_init comes.
type pendingInit struct {
	timer    *time.Timer
	upgraded []string // the Authorization values of the upgrade
}

// newSocket returns a socket that is not open yet. Its operations run in ctx until its caller is known.
func newSocket(ctx context.Context, t *Streams, exec graphql.GraphExecutor, p *protocol, client netip.Prefix, upgraded []string) *socket {
	s := &socket{streams: t, exec: exec, protocol: p, client: client, init: pendingInit{upgraded: upgraded}}
	s.ops.byID = make(map[string]*operation)
	s.room.socket = s
	s.ops.ctx, s.cancel = context.WithCancel(ctx)
	s.out.streams, s.out.client, s.out.failed, s.out.freed = t, client, s.hangUp, s.serveShards
	return s
}

// open begins to read and write.
func (s *socket) open(conn net.Conn, early *bufio.Reader) {
	var raw syscall.RawConn
	if c, ok := conn.(syscall.Conn); ok && directIO {
		raw, _ = c.SyscallConn() // nil where it fails
	}
	s.out.mu.Lock()
	s.conn, s.out.conn, s.out.raw = conn, conn, raw
	s.in.open(conn, raw, early)
	s.alive.begin(s.streams.clock.Load())
	s.opened.Store(true)
	s.out.unlock()
	s.init.timer = time.AfterFunc(s.streams.config.InitTimeout, func() {
		s.close(CloseInitTimeout, "connection_init did not come in time")
	})
	go s.run()
	if s.closing.Load() { // since before it was open
		s.close(s.streams.whyClosed())
	}
}

// run reads until the socket is silent and left to the kernel, or until the socket ends, which run cleans up.
func (s *socket) run() {
	for {
		if !s.in.ready() && s.streams.idle.add(s) {
			return
		}
		raw, err := s.readMessage()
		if err == nil && s.closing.Load() {
			err = errClosed
		}
		if err == nil {
			err = s.handleMessage(raw)
		}
		s.release(s.room.pass())
		if err != nil {
			s.closeAfter(err)
			break
		}
	}
	s.finishUp()
}

// readMessage returns the next text message, whole. It answers control frames.
func (s *socket) readMessage() ([]byte, error) {
	var message []byte
	for fragmented := false; ; {
		h, payload, err := s.in.frame(func() int { return s.limit() - len(message) }, fragmented,
			func(h ws.Header) error { return s.room.admit(h, len(message)) })
		if errors.Is(err, os.ErrDeadlineExceeded) && !s.closing.Load() {
			err = &closeError{code: CloseTryLater, reason: slowMessageReason, unread: h.Length - int64(len(payload))}
		}
		if err != nil {
			return nil, err
		}
		s.alive.heard.Store(s.streams.clock.Load())
		if s.early++; s.early > maxStrangerFrames && s.init.timer != nil || s.early > maxEarlyFrames && !s.ops.acknowledged() {
			return nil, &closeError{code: CloseBadRequest, reason: "too many frames before the connection_ack"}
		}
		s.room.extend(s.pace(len(payload)))
		if h.OpCode.IsControl() {
			if err := s.control(h.OpCode, payload); err != nil {
				return nil, err
			}
			continue
		}
		if h.OpCode == ws.OpBinary {
			return nil, &closeError{code: CloseBadRequest, reason: "messages are text frames"}
		}
		if len(message) == 0 {
			message = payload
		} else {
			message = append(message, payload...)
		}
		if h.Fin && s.longBeforeInit(message) && !bytes.Contains(message, connectionInit) {
			return nil, errInitFirst // without parsing, which costs the more the longer the message is
		}
		if h.Fin {
			return message, s.room.arrived(message)
		}
		fragmented = true
	}
}

// limit returns how many bytes a message may have now; they are few before the client has been identified.
func (s *socket) limit() int {
	if s.ops.acknowledged() {
		return s.streams.config.MaxMessageBytes
	}
	return min(s.streams.config.MaxMessageBytes, maxInitBytes)
}

// connectionInit is the type of the only message that may be long before it.
var connectionInit = []byte("connection_init")

// errInitFirst closes a socket whose client wants something before it says who it is.
var errInitFirst = &closeError{code: CloseUnauthorized, reason: "connection_init comes first, and its connection_ack"}

// longBeforeInit says whether a message that is no connection_init would be too long, since none has come yet.
func (s *socket) longBeforeInit(message []byte) bool {
	return s.init.timer != nil && len(message) > maxStrangerBytes
}

// pace waits where the client sends more frames, or larger ones, than its share, and returns for how long.
func (s *socket) pace(bytes int) (pause time.Duration) {
	if s.streams.config.Pace == nil {
		return 0
	}
	ctx := s.ops.context()
	if pause = s.streams.config.Pace(ctx, bytes); pause > 0 {
		pause = min(pause, time.Second)
		sleep(ctx, pause)
	}
	return pause
}

// control answers a control frame; the error ends the socket.
func (s *socket) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		_ = s.out.frame(ws.OpPong, payload)
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		if len(payload) == 1 || !utf8.ValidString(reason) || len(payload) >= 2 && !mayBeSent(code) {
			code = ws.StatusProtocolError
		}
		if len(payload) == 0 {
			code = ws.StatusNormalClosure
		}
		s.out.close(CloseCode(code), "")
		return io.EOF
	}
	return nil
}

// handleMessage handles a message. Where this goroutine stays as long as the socket does, the message is handled on
// another: the stack that it needs would otherwise be kept for each silent socket.
func (s *socket) handleMessage(raw []byte) (err error) {
	if s.in.raw != nil && s.streams.idle.works() {
		return s.handle(raw)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = s.handle(raw)
	}()
	<-done
	return err
}

// handle carries out a message. Errors: a *closeError; errClosed.
func (s *socket) handle(raw []byte) error {
	done, given := s.turnToParse(len(raw))
	if given != nil {
		return errClosed
	}
	m, fault := parseMessage(raw)
	done()
	if fault != "" {
		return &closeError{code: CloseBadRequest, reason: fault}
	}
	switch {
	case m.Type != string(connectionInit) && s.longBeforeInit(raw):
		return errInitFirst
	case m.Type == string(connectionInit):
		return s.initialise(m)
	case m.Type == "ping" && s.protocol == modern:
		_ = s.out.send("pong", "", m.Payload)
		return nil
	case m.Type == "pong" && s.protocol == modern:
		return nil
	case m.Type == s.protocol.subscribe:
		return s.subscribe(m)
	case m.Type == s.protocol.complete:
		s.ops.cancel(m.ID)
		return nil
	case m.Type == "connection_terminate" && s.protocol.terminates:
		return &closeError{code: CloseNormal}
	}
	return &closeError{code: CloseBadRequest, reason: "unknown message type"}
}

// turnToParse waits until a message of n bytes may be parsed. done is called afterwards.
func (s *socket) turnToParse(n int) (done func(), err error) {
	ctx, config := s.ops.context(), &s.streams.config
	if n >= largeBytes || config.Parse == nil {
		return config.Decode.wait(ctx, n)
	}
	return config.Parse(ctx)
}

// subscribe takes an operation in. Errors: a *closeError.
func (s *socket) subscribe(m message) error {
	if m.ID == "" {
		return &closeError{code: CloseBadRequest, reason: "an operation needs an id"}
	}
	if len(m.ID) > maxOperationIDBytes {
		return &closeError{code: CloseBadRequest, reason: fmt.Sprintf("an operation's id must be at most %d bytes", maxOperationIDBytes)}
	}
	config := &s.streams.config
	start, err := s.ops.add(m, s.room.bytes, s.protocol.early, config.MaxOperations, config.MaxMessageBytes+maxInitBytes)
	if err == nil {
		s.room.pass() // the operation has it now
	}
	switch {
	case err == errStopping:
		return nil // the close that follows asks the client to come back
	case err == errTooManyOperations:
		_ = s.sendErrors(m.ID, gqlerror.List{gqlerr.TooMany("too many operations are under way on this socket", time.Second)})
		return nil
	case err != nil:
		return err
	case start:
		s.work.Go(s.workQueue)
	}
	return nil
}

// closeAfter closes the socket where a fault of the client ended its reading. It then waits for the client's close
// frame, as it does where the socket was closed already.
func (s *socket) closeAfter(err error) {
	if fault, ok := errors.AsType[*closeError](err); ok {
		if fault.code != 0 {
			s.close(fault.code, fault.reason)
		}
		s.in.drain(fault.unread, maxDrained)
	} else if err == errClosed {
		s.in.drain(0, maxDrained)
	}
}

// close sends a close frame, ends the operations, and gives the client a moment to answer. It may be called from any
// goroutine, and more than once.
func (s *socket) close(code CloseCode, reason string) {
	s.closing.Store(true)
	s.cancel()
	if s.out.close(code, reason) {
		_ = s.conn.SetReadDeadline(time.Now().Add(closeWait))
	}
	if s.streams.idle.remove(s) {
		go s.run()
	}
}

// hangUp ends the connection without a close frame, for instance where the client takes no more bytes. The goroutine
// that reads cleans up.
func (s *socket) hangUp() {
	s.closing.Store(true)
	s.cancel()
	parked := s.streams.idle.remove(s) // before another connection can get its descriptor
	if s.opened.Load() {
		_ = s.conn.Close()
	}
	if parked {
		go s.run()
	}
}

// ended is called when the caller's connection has ended. Subscriptions end at once; the operation under way, which may
// be the one that ended the connection, is answered first.
func (s *socket) ended(e *session.Error) {
	s.ops.stop()
	s.ops.endAll(true)
	ctx, cancel := context.WithTimeout(s.ops.context(), closeWait)
	defer cancel()
	s.settle(ctx)
	code, reason := closeFor(e)
	s.close(code, reason)
}

// settle refuses new operations and waits until those taken in have been answered, or ctx is done.
func (s *socket) settle(ctx context.Context) {
	s.ops.stop()
	for s.ops.busy() && sleep(ctx, 5*time.Millisecond) {
	}
}

// finishUp releases everything that the socket holds. No goroutine reads it any more.
func (s *socket) finishUp() {
	defer s.streams.removeSocket(s)
	if s.init.timer != nil {
		s.init.timer.Stop()
	}
	s.cancel()
	_ = s.conn.Close() // first, so that a write under way ends
	s.out.shut()
	s.work.Wait()
	s.ops.endAll(false)
	s.release(s.room.pass() + s.ops.unbegun())
	if s.detach != nil {
		s.detach()
	}
}

// serveShards queues every shard that the socket has a member in.
func (s *socket) serveShards() {
	for _, m := range s.ops.members() {
		m.group.placing.Lock()
		if m.shard != nil {
			m.group.all.queue.put(m.shard)
		}
		m.group.placing.Unlock()
	}
}
