package transport

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// poller asks the kernel by epoll. The runtime polls the epoll descriptor itself, so that no thread waits for it.
type poller struct {
	file *os.File
	raw  syscall.RawConn
}

func (p *poller) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // the runtime takes no blocking descriptor
		_ = unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	p.file = os.NewFile(uintptr(fd), "epoll")
	p.raw, err = p.file.SyscallConn()
	return err
}

func (p *poller) works() bool { return p.raw != nil }

// watch asks the kernel to report a connection once, when there is something to read; again says that it was asked
// before.
func (p *poller) watch(socket syscall.RawConn, again bool) (fd int, err error) {
	failed := socket.Control(func(descriptor uintptr) {
		fd = int(descriptor)
		op := unix.EPOLL_CTL_ADD
		if again {
			op = unix.EPOLL_CTL_MOD
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
		ctl := p.raw.Control(func(epoll uintptr) { err = unix.EpollCtl(int(epoll), op, fd, &event) })
		if ctl != nil {
			err = ctl
		}
	})
	if failed != nil {
		err = failed
	}
	return fd, err
}

// run calls resume for every connection that the kernel reports, until close.
func (p *poller) run(resume func(fd int)) {
	events := make([]unix.EpollEvent, 256)
	for {
		var n int
		err := p.raw.Read(func(epoll uintptr) bool {
			var err error
			for n, err = 0, unix.EINTR; err == unix.EINTR; { // an interrupted wait is repeated: the next report would be for later bytes alone
				n, err = unix.EpollWait(int(epoll), events, 0)
			}
			return n > 0 || err != nil
		})
		if err != nil {
			return // closed
		}
		for _, event := range events[:max(n, 0)] {
			resume(int(event.Fd))
		}
	}
}

func (p *poller) close() {
	if p.file != nil {
		_ = p.file.Close() // nothing was written to it
	}
}
