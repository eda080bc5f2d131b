package sys

import "testing"

// TestLastPacket protects the report of a peer that has ended before it has read
// everything: the kernel puts an error in front of it.
func TestLastPacket(t *testing.T) {
	for name, receive := range map[string]func(fd int, buf []byte) (int, error){
		"Receive":     Receive,
		"ReceiveFrom": func(fd int, buf []byte) (int, error) { n, _, err := ReceiveFrom(fd, buf); return n, err },
		"ReceiveWith": func(fd int, buf []byte) (int, error) { n, _, err := ReceiveWith(fd, buf, new([2]int)); return n, err },
	} {
		own, peer, err := SocketPair()
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{Send(own, []byte{15}), Send(peer, []byte("ended")), Close(peer)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 16)
		if n, err := receive(own, buf); err != nil || string(buf[:max(n, 0)]) != "ended" {
			t.Errorf("%s: %q, %v", name, buf[:max(n, 0)], err)
		}
		if n, err := receive(own, buf); n != 0 || err != nil {
			t.Errorf("%s, at the end: %d bytes, %v", name, n, err)
		}
		if err := Close(own); err != nil {
			t.Fatal(err)
		}
	}
}
