package relay

import (
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// flow passes on one stream. When its reader is gone it closes the pipe, so that
// the writer sees what it would without a relay: SIGPIPE, or EPIPE.
func (r *Relay) flow(s *stream) {
	defer sys.Close(s.in)
	for {
		last, gone := s.wait(r.wake)
		if gone {
			return
		}
		n, err := sys.Buffered(s.in)
		if err != nil {
			s.err = err
			return
		}
		if n == 0 && last {
			return
		}
		granted := r.budget.Take(n)
		if !r.pass(s, granted) || granted < n {
			return
		}
	}
}

// wait waits for something to read. last tells that nobody is left to write: what
// the pipe holds now is all. gone tells that nobody is left to read: a pipe says
// so without being written to (pipe(7)), and a program that writes seldom finds
// out as early as it would without a relay.
func (s *stream) wait(wake int) (last, gone bool) {
	polls := [3]sys.PollFD{
		{Fd: int32(s.in), Events: sys.PollIn},
		{Fd: int32(wake), Events: sys.PollIn},
		{Fd: int32(s.out)},
	}
	n := len(polls)
	if s.named {
		n-- // a new reader may open it
	}
	if err := sys.Poll(polls[:n]); err != nil {
		s.err = err
		return false, true
	}
	return polls[0].Revents&sys.PollHup != 0 || polls[1].Revents != 0, polls[2].Revents&sys.PollErr != 0
}

// pass moves n bytes, which are there, and reports whether it could.
func (r *Relay) pass(s *stream, n int) bool {
	for n > 0 {
		k, err := s.move(n)
		switch {
		case err == syscall.EAGAIN && s.empty():
			// The writer can open a pipe for reading as well (/proc/self/fd), and
			// has taken back what was counted. To wait here for more would be to
			// wait past Finish, for as long as somebody has an end to write to.
			return true
		case err == syscall.EAGAIN:
			// The reader is slow, and out a pipe or made non-blocking by others.
			err = sys.Poll([]sys.PollFD{{Fd: int32(s.out), Events: sys.PollOut}})
		case err == nil && k == 0:
			return false // the pipe had more to read and has not
		}
		if err != nil {
			if err != syscall.EPIPE {
				s.err = err
			}
			return false
		}
		n -= max(k, 0)
		r.moved.Add(uint64(max(k, 0)))
	}
	return true
}

// empty reports whether there is nothing to read.
func (s *stream) empty() bool {
	n, err := sys.Buffered(s.in)
	return err == nil && n == 0
}

// move moves some of n bytes; EAGAIN tells that nothing can be read, or written,
// now. splice(2) does not know every kind of file, nor
// one that is open for appending (EINVAL).
func (s *stream) move(n int) (int, error) {
	if s.buf == nil {
		k, err := sys.Splice(s.in, s.out, n)
		if err != syscall.EINVAL {
			return k, err
		}
		s.buf = make([]byte, chunk)
	}
	k, err := sys.Receive(s.in, s.buf[:min(n, chunk)])
	if err != nil {
		return 0, err
	}
	return k, s.write(s.buf[:k])
}

// write writes all of data.
func (s *stream) write(data []byte) error {
	for len(data) > 0 {
		n, err := sys.Write(s.out, data)
		if err == syscall.EAGAIN {
			err = sys.Poll([]sys.PollFD{{Fd: int32(s.out), Events: sys.PollOut}})
		}
		if err != nil {
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}
