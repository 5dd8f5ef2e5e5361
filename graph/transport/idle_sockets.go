package transport

import "sync"

// idleSockets holds the sockets that are silent. They need no goroutine, and no stack, to wait for their next byte,
// since the kernel reports when there is something to read; see poller. A socket in it is taken out by one owner, who
// reads on: the poller when the kernel reports it, or the function that closes the socket.
type idleSockets struct {
	poller // the zero value where the system has none that is supported

	mu      sync.Mutex
	sockets map[int]*socket // by file descriptor
}

// idleEntry is what identifies a socket to the kernel.
type idleEntry struct {
	fd      int  // of its connection
	watched bool // the kernel was asked about it before
}

// open says whether the system can report silent sockets; where it can't, each socket keeps a goroutine.
func (p *idleSockets) open() bool {
	p.sockets = make(map[int]*socket)
	return p.poller.open() == nil && p.works()
}

// add leaves a socket to the kernel and says whether it did; the socket's goroutine must end then. It does not where
// the socket is being closed, as a goroutine has to wait for the end.
func (p *idleSockets) add(s *socket) bool {
	if s.in.raw == nil || !p.works() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	fd, err := p.watch(s.in.raw, s.idle.watched)
	if err != nil {
		return false // the next read finds the error
	}
	s.idle = idleEntry{fd, true}
	p.sockets[fd] = s
	return true
}

// remove takes a socket out and says whether it was in; then the caller starts the goroutine that reads.
func (p *idleSockets) remove(s *socket) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.idle.watched || p.sockets[s.idle.fd] != s {
		return false
	}
	delete(p.sockets, s.idle.fd)
	return true
}

// take takes out the socket with this descriptor, because the kernel reports it; nil where it is not in any more.
func (p *idleSockets) take(fd int) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sockets[fd]
	delete(p.sockets, fd)
	return s
}
