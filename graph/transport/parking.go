package transport

import "sync"

// parking has the sockets that are silent: they need no goroutine to wait for their next byte, and none of its stack,
// since the kernel says when there is something to read (see poller). A socket that is parked has one owner who may take
// it out and read on: whoever hears from the kernel, or whoever closes it.
type parking struct {
	poller // how the kernel is asked; the zero value where the system has none that is supported

	mu     sync.Mutex
	parked map[int]*socket // by file descriptor
}

// open says whether sockets can be parked; where not, each keeps a goroutine.
func (p *parking) open() bool {
	p.parked = make(map[int]*socket)
	return p.poller.open() == nil && p.works()
}

// park leaves a socket to the kernel and says whether it did; its goroutine must end then. It does not where the socket
// is being closed, as somebody has to wait for the end.
func (p *parking) park(s *socket) bool {
	if s.raw == nil || !p.works() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	fd, err := p.watch(s.raw, s.watched)
	if err != nil {
		return false // the next read finds why
	}
	s.fd, s.watched = fd, true
	p.parked[fd] = s
	return true
}

// unpark takes a socket out and says whether it was there, so that the caller has to see that it is read.
func (p *parking) unpark(s *socket) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.watched || p.parked[s.fd] != s {
		return false
	}
	delete(p.parked, s.fd)
	return true
}

// heard takes out the socket with this descriptor, as the kernel has something of it; nil where it is not there any more.
func (p *parking) heard(fd int) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.parked[fd]
	delete(p.parked, fd)
	return s
}
