package terminal

import (
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// output passes on what the payload writes. When it cannot go on, or need not, the
// payload's terminal is taken away.
//
// What has been written is there to be read as soon as write(2) has returned:
// before read(2) on a terminal says EAGAIN, it waits for what is under way
// (n_tty_read, tty_buffer_flush_work). So EAGAIN after the payload's end is the end
// of its output, though somebody outside may have been passed the terminal and
// keep it open.
func (r *Relay) output() {
	defer close(r.drained)
	defer r.hangUp()
	buf := make([]byte, chunk)
	for {
		last := r.ended.Load()
		n, err := sys.Receive(r.master, buf)
		switch {
		case n > 0:
			if !r.deliver(buf[:n]) {
				return
			}
		case err != syscall.EAGAIN || last:
			return
		default:
			polls := [...]sys.PollFD{{Fd: int32(r.master), Events: sys.PollIn}, {Fd: int32(r.wake), Events: sys.PollIn}}
			if sys.Poll(polls[:]) != nil {
				return
			}
		}
	}
}

// deliver writes all of data to the caller, and reports whether it could.
func (r *Relay) deliver(data []byte) bool {
	all := true
	if r.Take != nil {
		n := r.Take(len(data))
		all, data = n == len(data), data[:n]
	}
	if r.caller.out < 0 {
		return all
	}
	for len(data) > 0 {
		n, err := sys.Write(r.caller.out, data)
		if err == syscall.EAGAIN {
			// Others have made the caller's descriptor non-blocking.
			err = sys.Poll([]sys.PollFD{{Fd: int32(r.caller.out), Events: sys.PollOut}})
		}
		if err != nil {
			return false
		}
		data = data[max(n, 0):]
		r.moved.Add(uint64(max(n, 0)))
	}
	return all
}
