// Package terminal stands between a caller's terminal and the one that a sandbox
// has for itself: it passes on what is typed there and written here, and gives
// the caller's back as it was.
package terminal

import (
	"sync"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Caller is what a caller has as standard input, output and error: a terminal, or
// files and pipes where none of them is one.
type Caller struct {
	in, out int // -1: nothing can be read, or written
	keys    int // the terminal that is read from, or -1
	window  int // the terminal whose size counts, or -1
	// shared: standard output leads elsewhere, to the next in a pipeline perhaps,
	// which writes to the terminal as well and counts on it to make lines of it.
	shared bool

	mu     sync.Mutex
	modes  []mode
	raw    bool
	closed bool
}

// mode is a terminal with the settings that it gets back.
type mode struct {
	fd    int
	saved sys.TerminalSettings
	// kept: somebody has made it raw before, another lichen in the pipeline perhaps,
	// and gives it back.
	kept bool
}

// FindCaller looks at descriptors 0 to 2.
//
// Input comes from the first that is a terminal: in a pipeline to a pager that is
// standard output or error. Output goes to where a terminal shows it.
func FindCaller() *Caller {
	c := &Caller{in: 0, out: 1, keys: -1, window: -1}
	var is [3]bool
	for fd := range is {
		is[fd] = sys.IsTerminal(fd)
	}
	switch {
	case is[0]:
		c.in, c.out = 0, 0
	case is[1]:
		c.in = 1
	case is[2]:
		c.in = 2
	default:
		return c
	}
	c.window, c.shared = c.in, !is[1]
	switch {
	case is[1]:
		c.out = 1
	case is[2]:
		c.out = 2
	}
	c.in, c.out = open(c.in, sys.O_WRONLY), open(c.out, sys.O_RDONLY)
	if c.keys = c.in; c.keys >= 0 {
		c.modes = append(c.modes, mode{fd: c.keys})
	}
	if c.out >= 0 && (c.keys < 0 || !sys.SameDevice(c.keys, c.out)) {
		c.modes = append(c.modes, mode{fd: c.out})
	}
	return c
}

// open returns fd, or where it is open for the one thing that is not wanted, the
// controlling terminal, or -1 where there is none.
func open(fd, unwanted int) int {
	st, err := sys.StatFD(fd)
	if err == nil && st.Flags&sys.O_ACCMODE != unwanted {
		return fd
	}
	if fd, err = sys.OpenOwnTerminal(); err != nil {
		return -1
	}
	return fd
}

// Terminal reports whether the caller has one.
func (c *Caller) Terminal() bool { return c.window >= 0 }

// foreground reports whether the caller's terminal may be read and set: a
// process in the background is stopped for that.
func (c *Caller) foreground() bool { return c.keys < 0 || sys.InForeground(c.keys) }

// Raw has every byte pass as it is, for the payload's terminal to interpret. It
// does nothing in the background; Relay calls it again when that has changed.
// A terminal that cannot be set is used as it is.
func (c *Caller) Raw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.foreground() {
		return
	}
	if !c.raw {
		// All of them before any is changed: two may be the same terminal.
		for i := range c.modes {
			m := &c.modes[i]
			var err error
			if m.saved, err = sys.GetTerminal(m.fd); err != nil {
				return
			}
			m.kept = m.saved.Keys()
		}
		c.raw = true
	}
	for _, m := range c.modes {
		if m.kept {
			continue
		}
		_ = m.saved.Raw(!c.shared).Set(m.fd) // see above
	}
}

// Restore gives the settings back that Raw has found. Once in the background it is
// not lichen's terminal any more, and whoever has it in front has set it.
func (c *Caller) Restore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restore()
}

func (c *Caller) restore() {
	if c.raw && c.foreground() {
		for _, m := range c.modes {
			if !m.kept {
				_ = m.saved.Set(m.fd) // a terminal that is gone needs none
			}
		}
	}
	c.raw = false
}

// Close restores the terminal for good.
func (c *Caller) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restore()
	c.closed = true
}
