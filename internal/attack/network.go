//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// networkVariable is set in the process that runs inside the network namespace.
const networkVariable = "ATTACK_NETWORK"

// enterNetwork runs this program again in a network namespace that has only a loopback interface, and returns its exit code.
// entered is false in the process that is inside already, and where no namespace can be made.
func enterNetwork() (code int, entered bool, err error) {
	if os.Getenv(networkVariable) != "" {
		return 0, false, raiseLoopback()
	}
	// A process dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), networkVariable+"=own")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return 0, false, nil // no namespace can be made: X-Forwarded-For takes its place
	}
	// A terminal signals both processes; other senders may signal only this one.
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	defer close(told)
	defer signal.Stop(told)
	go func() {
		for one := range told {
			_ = cmd.Process.Signal(one) // it may have ended
		}
	}()
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), true, nil
	}
	return 0, true, err
}

// raiseLoopback brings the loopback interface up and makes all of 10.0.0.0/8 local, so that a process can listen on, and
// connect from, any of its addresses.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up); err != nil {
		return fmt.Errorf("bring the loopback interface up: %w", err)
	}
	alias, err := unix.NewIfreq("lo:1")
	if err != nil {
		return err
	}
	address := serverAddress().As4()
	if err := alias.SetInet4Addr(address[:]); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, alias); err != nil {
		return fmt.Errorf("add an address to the loopback interface: %w", err)
	}
	return nil
}

// ownNetwork reports whether the process runs in a namespace of its own, where each client has an address.
func ownNetwork() bool { return os.Getenv(networkVariable) != "" }

// serverAddress is where the server listens.
func serverAddress() netip.Addr {
	if ownNetwork() {
		return netip.AddrFrom4([4]byte{10, 1, 0, 1})
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// address returns the address of the i-th client of a kind, honest or attacking. Without a namespace it is an example
// address (RFC 5737), which the client claims.
func address(honest bool, i int) netip.Addr {
	third := byte(2)
	if honest {
		third = 3
	}
	switch {
	case ownNetwork():
		return netip.AddrFrom4([4]byte{10, third, byte(i >> 8), byte(i)})
	case honest:
		return netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
	default:
		return netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
	}
}
