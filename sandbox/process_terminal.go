package sandbox

import (
	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Terminal is both sides of a terminal. They are the caller's to close. What the
// payload has written can be read after Wait, to where a read from Master would
// block.
type Terminal struct {
	Master int // does not block
	Peer   int // the payload's
}

// receiveFirst is receive for the time until the payload has started: its
// terminal, if it has one, comes before that.
func (p *Process) receiveFirst() (pid1.Message, bool) {
	if !p.plan.Terminal {
		return p.receive()
	}
	for {
		var packet [2 * pid1.MessageSize]byte
		var fds [2]int
		n, count, err := sys.ReceiveWith(p.control, packet[:], &fds)
		if err != nil {
			return pid1.Message{}, false
		}
		m, ok := decode(packet[:n])
		if !ok || m.Kind != pid1.MessageTerminal {
			return m, ok
		}
		switch count {
		case len(fds):
			p.Terminal = Terminal{Master: fds[0], Peer: fds[1]}
		case 1:
			sys.Close(fds[0])
		}
	}
}

// checkTerminal ends a sandbox whose terminal got lost: at this program's limit
// on open files the kernel drops what a message carries (unix(7)).
func (p *Process) checkTerminal() error {
	if !p.plan.Terminal || p.Terminal != (Terminal{}) {
		return nil
	}
	_ = p.Kill()    // it may have ended by itself
	_, _ = p.reap() // ECHILD cannot happen: the pid is our child
	return startError(p.plan, "receive the payload's terminal", sys.EMFILE)
}

// dropTerminal closes the terminal of a payload that did not start.
func (p *Process) dropTerminal() {
	if p.Terminal != (Terminal{}) {
		sys.Close(p.Terminal.Master)
		sys.Close(p.Terminal.Peer)
		p.Terminal = Terminal{}
	}
}
