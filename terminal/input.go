package terminal

import (
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// backgroundPoll is how often a relay in the background looks whether it has come
// to the foreground: a shell says nothing to a job that runs already.
const backgroundPoll = 250 // milliseconds

// writablePoll bounds a wait for room in the payload's terminal: the wake-up comes
// from its reader, a moment before there is room (n_tty_check_unthrottle).
const writablePoll = 100

// input passes on what the caller types, or what standard input holds.
func (r *Relay) input() {
	buf := make([]byte, chunk)
	last := byte('\n')
	for {
		n, ok := r.read(buf)
		if ok && n > 0 {
			ok, last = r.feed(buf[:n]), buf[n-1]
		}
		switch {
		case !ok:
			if r.lost() {
				r.stop()
			}
			return
		case n == 0:
			r.endOfFile(last)
			return
		}
	}
}

// lost reports whether the caller's terminal has hung up. Then the payload's is to
// do the same, which output sees to: lichen is told by a signal only where it is its
// controlling terminal, and the payload would wait for ever.
func (r *Relay) lost() bool {
	polls := [...]sys.PollFD{{Fd: int32(r.caller.keys)}} // poll(2) leaves -1 out
	return sys.PollFor(polls[:], 0) == nil && polls[0].Revents&sys.PollHup != 0
}

// read waits for input. 0 bytes are its end; ok is false where there is nobody to
// pass it on to, or to be read from.
//
// Nothing is read once the payload has ended, nor in the background: that is for
// whoever has the terminal next.
func (r *Relay) read(buf []byte) (n int, ok bool) {
	if r.caller.in < 0 {
		return 0, false
	}
	for !r.ended.Load() {
		if !r.caller.foreground() {
			r.behind = true
			_ = sys.PollFor([]sys.PollFD{{Fd: int32(r.wake), Events: sys.PollIn}}, backgroundPoll) // a bad wait is a short one
			continue
		}
		if r.behind {
			r.behind = false
			r.caller.Raw()
			r.Resize()
		}
		polls := [...]sys.PollFD{{Fd: int32(r.caller.in), Events: sys.PollIn}, {Fd: int32(r.wake), Events: sys.PollIn}}
		if sys.Poll(polls[:]) != nil {
			return 0, false
		}
		if polls[1].Revents != 0 || polls[0].Revents == 0 || !r.caller.foreground() {
			continue
		}
		n, err := sys.Receive(r.caller.in, buf)
		switch {
		case err == syscall.EAGAIN:
		case r.caller.keys < 0:
			return max(n, 0), true // what cannot be read holds nothing
		case n > 0:
			return n, true
		case err != nil || polls[0].Revents&sys.PollHup != 0:
			return 0, false // the terminal is gone
		default:
			buf[0] = 4 // ^D, typed before Raw
			return 1, true
		}
	}
	return 0, false
}

// feed writes to the payload's terminal, as it has room.
func (r *Relay) feed(data []byte) bool {
	for len(data) > 0 {
		n, err := r.write(data)
		if err != nil && err != syscall.EAGAIN {
			return false
		}
		if data = data[max(n, 0):]; len(data) == 0 {
			break
		}
		polls := [...]sys.PollFD{{Fd: int32(r.master), Events: sys.PollOut}, {Fd: int32(r.wake), Events: sys.PollIn}, {Fd: int32(r.caller.keys)}}
		if sys.PollFor(polls[:], writablePoll) != nil || r.ended.Load() || polls[2].Revents&sys.PollHup != 0 {
			return false
		}
	}
	return true
}

func (r *Relay) write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hung {
		return 0, sys.EIO
	}
	return sys.Write(r.master, data)
}

// endOfFile types what ends a file at a terminal: ^D, or what the payload has put
// in its place. It does so at the start of a line only; within one it sends what
// has been typed so far, and has to come twice (termios(3), VEOF). Programs that
// read single keys mostly know ^D, too.
func (r *Relay) endOfFile(last byte) {
	settings, err := r.settings()
	if err != nil {
		return
	}
	eof := settings.EndOfFile()
	switch {
	case !settings.Lines():
		r.feed([]byte{4})
	case eof == 0:
		// There is no such character.
	case last == '\n':
		r.feed([]byte{eof})
	default:
		r.feed([]byte{eof, eof})
	}
}

func (r *Relay) settings() (sys.TerminalSettings, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hung {
		return sys.TerminalSettings{}, sys.EIO
	}
	return sys.GetTerminal(r.master)
}
