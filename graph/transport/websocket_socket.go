package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"

	"chattok/session"
)

// closeWait is how long a socket that we close waits for the client's own close frame, so that ours is not lost.
const closeWait = time.Second

// maxInitBytes bounds the messages of a socket before its connection_ack.
const maxInitBytes = 32 << 10

// restartReason is what sockets are told at a shutdown.
const restartReason = "the server is restarting; come back with your last cursor"

// socket is one WebSocket. Lock order: mu, then writing.
type socket struct {
	streams  *Streams
	exec     graphql.GraphExecutor
	protocol *protocol
	client   netip.Prefix // whose limit it counts to; not valid where to none
	awaited  bool         // connection_init has not come; guarded by streams.open.mu
	conn     net.Conn
	reader   idleReader
	heard    atomic.Int64 // when the client last sent anything, by Streams.awake
	pinged   atomic.Int64 // when we last pinged it, by Streams.awake
	// keptAlive is when it last had a ka, by Streams.awake.
	keptAlive atomic.Int64

	ctx       context.Context // the operations'; ends with the socket
	cancel    context.CancelFunc
	work      sync.WaitGroup // operations under way
	closing   atomic.Bool    // nothing that comes is looked at any more
	initTimer *time.Timer    // until connection_init comes; for who reads the socket
	upgraded  []string       // the Authorization values of the upgrade, until then

	mu         sync.Mutex
	state      socketState
	detach     func()
	operations map[string]*operation
	queue      []*operation // that wait their turn
	queued     int          // bytes of their payloads
	stopping   bool         // no more operations are taken in
	working    bool         // a goroutine takes them from the queue
	current    *operation   // that it runs

	catching sync.Mutex      // held by the member that catches up now, before writing
	writing  sync.Mutex      // held for a write; see unlock
	waiting  atomic.Bool     // a shard came while it was held
	raw      syscall.RawConn // for what does not wait that do not wait; nil where the connection has none
	fd       int             // of the connection; owned by parking
	watched  bool            // by parking, which owns it
	closed   bool            // guarded by writing: a close frame was sent, or the connection has failed
}

type socketState uint8

const (
	opened       socketState = iota // no connection_init yet
	initialising                    // connection_init is being looked at
	acknowledged
)

// errClosed ends the reading of a socket that is being closed.
var errClosed = errors.New("closed")

// open starts the socket's life.
func (s *socket) open(conn net.Conn, reader *bufio.Reader) {
	s.writing.Lock()
	s.conn = conn
	if c, ok := conn.(syscall.Conn); ok && directIO {
		s.raw, _ = c.SyscallConn() // nil where it fails
	}
	s.reader = idleReader{conn: conn, raw: s.raw}
	if n := reader.Buffered(); n > 0 {
		early, _ := reader.Peek(n)
		s.reader.first = bytes.Clone(early)
	}
	s.heard.Store(s.streams.awake.Load())
	s.pinged.Store(s.heard.Load())
	s.unlock()
	s.initTimer = time.AfterFunc(s.streams.config.InitTimeout, func() {
		s.close(CloseInitTimeout, "connection_init did not come in time")
	})
	go s.run()
	if s.closing.Load() { // by a shutdown that came before the socket was open
		s.close(CloseRestart, restartReason)
	}
}

// run reads until the socket is silent, and is parked, or until it ends, and cleans up.
func (s *socket) run() {
	for {
		if !s.reader.ready() && s.streams.parking.park(s) {
			return
		}
		raw, err := s.readMessage()
		if s.closing.Load() && err == nil {
			s.drain(0)
			err = errClosed
		}
		if err == nil {
			err = s.handleMessage(raw)
		}
		if err != nil {
			break
		}
	}
	s.finishUp()
}

// context returns what the socket's operations run in.
func (s *socket) context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx
}

// handleMessage handles a message, on a goroutine of its own where this one stays: what a message takes of a stack would
// otherwise stay with it, of which there is one for each silent socket that can't be parked.
func (s *socket) handleMessage(raw []byte) (err error) {
	if s.raw != nil && s.streams.parking.works() {
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

// finishUp gives up what the socket holds, when nobody reads it any more.
func (s *socket) finishUp() {
	defer s.streams.removeSocket(s)
	if s.initTimer != nil {
		s.initTimer.Stop()
	}
	s.cancel()
	_ = s.conn.Close() // first, so that a write that is under way ends
	s.writing.Lock()
	s.closed = true
	s.unlock()
	s.work.Wait()
	s.leaveAll(false)
	if s.detach != nil {
		s.detach()
	}
}

// hangUp ends the connection without a word, as where its client takes no more bytes; whoever reads it cleans up.
func (s *socket) hangUp() {
	s.closing.Store(true)
	s.cancel()
	parked := s.streams.parking.unpark(s) // before its descriptor is free to be another's
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if parked {
		go s.run()
	}
}

// readMessage returns the next text message, whole. It answers control frames. An error ends the socket, which has
// been told why where that is due.
func (s *socket) readMessage() ([]byte, error) {
	var message []byte
	for fragmented := false; ; {
		h, err := ws.ReadHeader(&s.reader)
		if err != nil {
			return nil, err
		}
		if why := badFrame(h, fragmented); why != "" {
			return nil, s.fail(CloseProtocol, why)
		}
		if h.Length > int64(s.limit()-len(message)) {
			s.close(CloseTooBig, "a message is larger than the server takes")
			s.drain(h.Length)
			return nil, errClosed
		}
		at := len(message)
		payload, err := readPayload(&s.reader, int(h.Length))
		if err != nil {
			return nil, err
		}
		ws.Cipher(payload, h.Mask, 0)
		s.heard.Store(s.streams.awake.Load())
		s.pace()
		if h.OpCode.IsControl() {
			if err := s.control(h.OpCode, payload); err != nil {
				return nil, err
			}
			continue
		}
		if h.OpCode == ws.OpBinary {
			return nil, s.fail(CloseBadRequest, "messages are text frames")
		}
		if at == 0 {
			message = payload
		} else {
			message = append(message, payload...)
		}
		if h.Fin {
			return message, nil
		}
		fragmented = true
	}
}

// pace waits where the client sends more than its share.
func (s *socket) pace() {
	if s.streams.config.Pace == nil {
		return
	}
	ctx := s.context()
	if pause := s.streams.config.Pace(ctx); pause > 0 {
		sleep(ctx, min(pause, time.Second))
	}
}

// firstRead is how much room a frame gets before its payload comes. It then grows with what has come, so that a frame that
// only says that it is large takes no memory.
const firstRead = 16 << 10

// readPayload reads n bytes.
func readPayload(r io.Reader, n int) ([]byte, error) {
	payload := make([]byte, min(n, firstRead))
	for read := 0; ; {
		if _, err := io.ReadFull(r, payload[read:]); err != nil {
			return nil, err
		}
		if read = len(payload); read == n {
			return payload, nil
		}
		payload = append(payload, make([]byte, min(read, n-read))...)
	}
}

// limit returns how large a message may be now: whoever has not said who he is gets little.
func (s *socket) limit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == acknowledged {
		return s.streams.config.MaxMessageBytes
	}
	return min(s.streams.config.MaxMessageBytes, maxInitBytes)
}

// badFrame says what RFC 6455 has against a frame; "" for nothing.
func badFrame(h ws.Header, fragmented bool) string {
	switch {
	case !h.Masked:
		return "frames of clients are masked"
	case h.Rsv != 0:
		return "no extension was negotiated"
	case h.OpCode.IsReserved():
		return "unknown opcode"
	case h.OpCode.IsControl() && (!h.Fin || h.Length > ws.MaxControlFramePayloadSize):
		return "a control frame is short and whole"
	case h.OpCode.IsControl():
		return ""
	case fragmented != (h.OpCode == ws.OpContinuation):
		return "fragments out of order"
	}
	return ""
}

// control answers a control frame; the error ends the socket.
func (s *socket) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		_ = s.write(ws.OpPong, payload)
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		if len(payload) == 1 || !utf8.ValidString(reason) || len(payload) >= 2 && !mayBeSent(code) {
			code = ws.StatusProtocolError
		}
		if len(payload) == 0 {
			code = ws.StatusNormalClosure
		}
		s.sendClose(CloseCode(code), "")
		return io.EOF
	}
	return nil
}

// mayBeSent says whether a close frame may have this code: RFC 6455, section 7.4, and IANA's registry of 1012 to 1014.
func mayBeSent(code ws.StatusCode) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// fail closes the socket for a fault of the client's and returns the error that ends its reading.
func (s *socket) fail(code CloseCode, reason string) error {
	s.close(code, reason)
	s.drain(0)
	return errClosed
}

// drain reads and drops what is still on its way, skip bytes and then frames, until the client's close frame or the
// read deadline, so that our own close frame is not lost to a reset.
func (s *socket) drain(skip int64) {
	for {
		if _, err := io.CopyN(io.Discard, &s.reader, skip); err != nil {
			return
		}
		h, err := ws.ReadHeader(&s.reader)
		if err != nil || h.OpCode == ws.OpClose {
			return
		}
		skip = h.Length
	}
}

// close sends a close frame, ends the operations, and gives the client a moment to answer. It may be called from any
// goroutine, and more than once.
func (s *socket) close(code CloseCode, reason string) {
	s.closing.Store(true)
	s.cancel()
	if s.sendClose(code, reason) {
		_ = s.conn.SetReadDeadline(time.Now().Add(closeWait))
	}
	if s.streams.parking.unpark(s) {
		go s.run()
	}
}

// sendClose sends the close frame, once, and says whether it was this call that did.
func (s *socket) sendClose(code CloseCode, reason string) bool {
	s.writing.Lock()
	defer s.unlock()
	if s.closed || s.conn == nil {
		return false
	}
	_ = s.writeLocked(appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), closeReason(reason))))
	s.closed = true
	return true
}

// write sends one frame. The error says that the socket has ended; there is nothing more to do about it.
func (s *socket) write(op ws.OpCode, payload []byte) error {
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = appendFrame((*buffer)[:0], op, payload)
	return s.writeFrames(*buffer)
}

// writeFrames sends whole frames in one call, and waits until they are taken.
func (s *socket) writeFrames(frames []byte) error {
	s.writing.Lock()
	defer s.unlock()
	if s.closed {
		return net.ErrClosed
	}
	return s.writeLocked(frames)
}

// writeLocked writes whole frames, which may be in parts, each piece under the write deadline. writing is held.
func (s *socket) writeLocked(parts ...[]byte) error {
	for _, part := range parts {
		for piece := range slices.Chunk(part, pieceBytes) {
			_ = s.conn.SetWriteDeadline(time.Now().Add(s.streams.config.WriteTimeout))
			if _, err := s.conn.Write(piece); err != nil {
				s.closed = true
				s.hangUp() // a frame may have been cut: nothing can follow it
				return err
			}
		}
	}
	_ = s.conn.SetWriteDeadline(time.Time{}) // one that has passed would fail the writes that don't wait
	return nil
}

// writeNow sends whole frames without waiting for the reader: what the kernel does not take at once goes out on a
// goroutine of its own. writing is held, and unlocked when all is done.
func (s *socket) writeNow(frames []byte) {
	n := 0
	if s.raw != nil {
		n = tryWrite(s.raw, frames)
	}
	if n == len(frames) {
		s.unlock()
		return
	}
	release, ok := s.streams.config.Answers.keep(s.client, len(frames)-n)
	if !ok { // a reader that takes nothing, while too much waits already: it resumes by its cursor
		s.closed = true
		s.streams.running.Go(func() {
			defer s.unlock()
			s.hangUp()
		})
		return
	}
	rest := bytes.Clone(frames[n:])
	s.streams.running.Go(func() {
		defer release()
		defer s.unlock()
		_ = s.writeLocked(rest)
	})
}

// tryWrite returns how much the kernel takes at once. An error is left for the next write to find.
func tryWrite(raw syscall.RawConn, b []byte) (n int) {
	err := raw.Write(func(fd uintptr) bool {
		n, _ = writeFD(fd, b)
		return true
	})
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// unlock ends a write, and has the shards served that came while it was under way.
func (s *socket) unlock() {
	s.writing.Unlock()
	if s.waiting.Swap(false) {
		s.streams.running.Go(s.wakeShards) // not here: the caller may hold a shard
	}
}

func (s *socket) wakeShards() {
	s.mu.Lock()
	members := make([]*member, 0, len(s.operations))
	for _, op := range s.operations {
		if op.member != nil {
			members = append(members, op.member)
		}
	}
	s.mu.Unlock()
	for _, m := range members {
		m.group.placing.Lock()
		if m.shard != nil {
			m.group.all.queue.put(m.shard)
		}
		m.group.placing.Unlock()
	}
}

// appendFrame appends a whole frame of a server's.
func appendFrame(b []byte, op ws.OpCode, payload []byte) []byte {
	return append(appendFrameHeader(b, op, len(payload)), payload...)
}

// appendFrameHeader appends the header of a whole frame of a server's. See RFC 6455, section 5.2.
func appendFrameHeader(b []byte, op ws.OpCode, n int) []byte {
	const fin = 0x80
	b = append(b, fin|byte(op))
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 126, byte(n>>8), byte(n))
	default:
		return append(b, 127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

// sendResponse sends a response. Its data, where it is long, is written from where it is.
func (s *socket) sendResponse(id string, response *graphql.Response) error {
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = appendMessagePrefix((*buffer)[:0], s.protocol.next, id)
	var data, end []byte
	*buffer, data, end = appendResponseParts(*buffer, response)
	end = append(end, '}')
	header := appendFrameHeader(nil, ws.OpText, len(*buffer)+len(data)+len(end))
	s.writing.Lock()
	defer s.unlock()
	if s.closed {
		return net.ErrClosed
	}
	if data == nil { // in one write
		return s.writeLocked(append(append(header, *buffer...), end...))
	}
	return s.writeLocked(append(header, *buffer...), data, end)
}

// send sends a message of the protocol.
func (s *socket) send(kind, id string, payload []byte) error {
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = appendMessage((*buffer)[:0], kind, id, payload)
	return s.write(ws.OpText, *buffer)
}

// checkAlive pings a client that has been silent for an interval, and gives up on one that has been so for two. One tick
// more leaves time to read what has come meanwhile, as after a pause of the whole process.
func (s *socket) checkAlive() {
	s.mu.Lock()
	ready := s.state == acknowledged
	s.mu.Unlock()
	if !ready {
		return // the init timer looks after it
	}
	now, interval := s.streams.awake.Load(), s.streams.ticks(s.streams.config.PingInterval)
	if s.protocol.keepAlive && now-s.keptAlive.Load() >= s.streams.ticks(s.streams.config.KeepAlive*3/4) {
		// Its client takes the first one for a promise of others, and comes back where they fail to come for 30 s.
		s.keptAlive.Store(now)
		s.streams.running.Go(func() { _ = s.send("ka", "", nil) })
	}
	silent := now - s.heard.Load()
	switch {
	case silent > 2*interval:
		s.hangUp()
	case silent >= interval && now-s.pinged.Load() >= interval:
		s.pinged.Store(now)
		s.streams.running.Go(func() { _ = s.write(ws.OpPing, nil) }) // a stalled socket must not hold up the others' pings
	}
}

// settle refuses new operations and waits until those taken in have been answered, or ctx is done.
func (s *socket) settle(ctx context.Context) {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	for busy := true; busy; {
		s.mu.Lock()
		busy = s.working
		s.mu.Unlock()
		if busy && !sleep(ctx, 5*time.Millisecond) {
			return
		}
	}
}

// ended is called where the socket's connection has ended. What it follows ends at once; the operation under way, which may
// be the one that ended it, has its answer first.
func (s *socket) ended(e *session.Error) {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.leaveAll(true)
	ctx, cancel := context.WithTimeout(s.context(), closeWait)
	defer cancel()
	s.settle(ctx)
	code, reason := closeFor(e)
	s.close(code, reason)
}
