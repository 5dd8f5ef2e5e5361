package media

import (
	"net"
	"net/netip"
	"testing"
)

// TestChannelsOfAnAllocation: an allocation with as many channels as it may have is permitted nothing more, nor is a permission that it
// has renewed, until one of them ends. Another allocation has its own.
func TestChannelsOfAnAllocation(t *testing.T) {
	p := newPermissions()
	client, other := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	peer := netip.MustParseAddr("198.51.100.1")
	p.add(client, peer)
	for n := range maxChannels {
		if !p.room(client, peer) {
			t.Fatalf("no room after %d channels", n)
		}
		p.bind(client)
	}
	if p.room(client, peer) || !p.room(other, peer) {
		t.Errorf("room of it and of another: %v, %v", p.room(client, peer), p.room(other, peer))
	}
	p.unbind(client)
	if !p.room(client, peer) {
		t.Error("no room after a channel has ended")
	}
	for range maxChannels - 1 {
		p.unbind(client)
	}
	if len(p.channels) != 0 {
		t.Errorf("kept: %v", p.channels)
	}
}
