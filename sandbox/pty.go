package sandbox

import (
	"encoding/binary"
	"strconv"

	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// terminal is what compiling knows of a terminal of the payload's own. It
// belongs to the sandbox's devpts, so that ttyname(3) and /dev/pts hold inside,
// and its other side goes to the launcher over the control socket.
type terminal struct {
	own  stdio     // the standard descriptors that become the terminal
	peer plan.Slot // the payload's side of it
}

// stdio is a set of standard descriptors.
type stdio struct {
	in     [3]bool
	caller int // the first that is a terminal of the caller's, or -1
}

// withSession returns s with the session that other parts of it need.
func withSession(s *spec.Spec) *spec.Spec {
	if s.Process.NewSession == s.OwnSession() {
		return s
	}
	with := *s
	with.Process.NewSession = true
	return &with
}

// ownTerminal decides which standard descriptors become the payload's terminal:
// those that are terminals, and where there is none, all three. What passes
// through the others stays exact to the byte. The facts that it returns are as if
// the payload inherited nothing in their place.
func ownTerminal(s *spec.Spec, f *feature.Facts) (*feature.Facts, stdio) {
	own := stdio{caller: -1}
	if !s.Process.PTY {
		return f, own
	}
	for fd := 2; fd >= 0; fd-- {
		if f.Terminal != nil && f.Terminal(fd) {
			own.in[fd], own.caller = true, fd
		}
	}
	if own.caller < 0 {
		own.in = [3]bool{true, true, true}
	}
	with := *f
	for fd := range own.in {
		if own.in[fd] {
			with.Stdio[fd] = feature.Descriptor{Kind: feature.DescriptorOther, Readable: true, Writable: true}
		}
	}
	return &with, own
}

const devpts = "/dev/pts"

// checkTerminal refuses what could not work: pts(4) is a file system of its own,
// and programs look for their terminal in /dev/pts.
func (c *compiler) checkTerminal() error {
	if !c.s.Process.PTY {
		return nil
	}
	refuse := func(reason, hint string) error {
		return &spec.Error{Op: "enforce", Object: "process.pty", Reason: reason, Origin: c.s.OriginOf("process.pty"), Hint: hint}
	}
	if !c.namespaces() {
		return refuse("without mounts there are no terminals but the host's", `use isolation = "namespaces"`)
	}
	for _, n := range c.view.Nodes {
		if n.Target == devpts && n.Type == spec.MountDevpts {
			return nil
		}
	}
	return refuse("the sandbox has no terminals of its own on "+devpts, `mount one: [[mount]] with type = "dev" and target = "/dev"`)
}

// makeTerminal makes the terminal, in PID 1, and hands it over: the launcher
// gets both sides, because the one that it reads from fails (EIO) while nobody
// inside has the other one open, which may change. Where the caller has a
// terminal, the payload's begins with its settings and its size.
//
// The payload's side is opened by descriptor (TIOCGPTPEER, Linux 4.13).
func (c *compiler) makeTerminal() {
	if !c.s.Process.PTY {
		return
	}
	b, origin := c.b, c.s.OriginOf("process.pty")
	b.Note("make", "the payload's terminal", origin)
	message, control := terminalMessage(b)
	master := b.Open(plan.FDCWD, devpts+"/ptmx", sys.O_RDWR|sys.O_NOCTTY|sys.O_NONBLOCK)
	b.Last().StoringAt(control.Offset(controlHeader))
	b.Call(sys.SYS_IOCTL, plan.From(master), plan.Val(sys.TIOCSPTLCK), b.Words(0))
	c.terminal.peer = b.Into(sys.SYS_IOCTL, plan.From(master), plan.Val(sys.TIOCGPTPEER), plan.Val(sys.O_RDWR|sys.O_NOCTTY|sys.O_CLOEXEC))
	b.Last().StoringAt(control.Offset(controlHeader + 4))
	if c.ids.ranges {
		// It belongs to whoever has opened ptmx.
		b.Call(sys.SYS_FCHOWN, plan.From(c.terminal.peer), plan.Val(c.ids.uid), plan.Val(c.ids.gid))
	}
	c.copySettings()
	b.Note("hand over", "the payload's terminal", origin)
	b.Call(sys.SYS_SENDMSG, plan.From(plan.SlotControl), message, plan.Val(sys.MSG_NOSIGNAL)).Expecting(uint64(pid1.MessageSize))
	b.Close(master)
}

// copySettings gives the payload's terminal the settings and the size of the
// caller's. PID 1 does that, so that the payload never sees others.
func (c *compiler) copySettings() {
	if c.terminal.own.caller < 0 {
		return
	}
	b, from := c.b, plan.Val(c.terminal.own.caller)
	b.Note("copy settings of", "the caller's terminal", c.s.OriginOf("process.pty"))
	settings, size := b.Buf(make([]byte, sys.SIZEOF_TERMIOS)), b.Buf(make([]byte, sys.SIZEOF_WINSIZE))
	b.Call(sys.SYS_IOCTL, from, plan.Val(sys.TCGETS), settings)
	b.Call(sys.SYS_IOCTL, plan.From(c.terminal.peer), plan.Val(sys.TCSETS), settings)
	b.Call(sys.SYS_IOCTL, from, plan.Val(sys.TIOCGWINSZ), size)
	b.Call(sys.SYS_IOCTL, plan.From(c.terminal.peer), plan.Val(sys.TIOCSWINSZ), size)
}

// controlHeader is sizeof(struct cmsghdr), which the descriptors come after.
const controlHeader = 16

// terminalMessage puts a message of PID 1's in the arena, with room for two
// descriptors in its control part; see sendmsg(2), cmsg(3).
func terminalMessage(b *plan.Builder) (message, control plan.Arg) {
	var header [controlHeader + 2*4]byte
	binary.NativeEndian.PutUint64(header[:], uint64(len(header)))
	binary.NativeEndian.PutUint32(header[8:], sys.SOL_SOCKET)
	binary.NativeEndian.PutUint32(header[12:], sys.SCM_RIGHTS)
	control = b.Buf(header[:])

	text := make([]byte, pid1.MessageSize)
	binary.NativeEndian.PutUint32(text, uint32(pid1.MessageTerminal))
	var vector [16]byte // struct iovec
	binary.NativeEndian.PutUint64(vector[8:], uint64(len(text)))
	iov := b.Buf(vector[:])
	b.Relocate(iov, b.Buf(text))

	var msghdr [56]byte
	binary.NativeEndian.PutUint64(msghdr[24:], 1)
	binary.NativeEndian.PutUint64(msghdr[40:], uint64(len(header)))
	message = b.Buf(msghdr[:])
	b.Relocate(message.Offset(16), iov)
	b.Relocate(message.Offset(32), control)
	return message, control
}

// startSession gives the payload a session, and its terminal to that.
func (c *compiler) startSession() {
	b, s := c.b, c.s
	if !s.Process.NewSession {
		return
	}
	key := "process.new_session"
	switch {
	case s.Process.PTY:
		key = "process.pty"
	case s.OriginOf(key).IsZero():
		key = "limits.output"
	}
	b.Note("start", "a new session", s.OriginOf(key))
	b.Call(sys.SYS_SETSID)
	if !s.Process.PTY {
		return
	}
	b.Note("take", "the terminal", s.OriginOf(key))
	b.Call(sys.SYS_IOCTL, plan.From(c.terminal.peer), plan.Val(sys.TIOCSCTTY), plan.Val(0))
	for fd, own := range c.terminal.own.in {
		if own {
			b.Note("replace", "descriptor "+strconv.Itoa(fd), s.OriginOf(key))
			b.Call(sys.SYS_DUP3, plan.From(c.terminal.peer), plan.Val(fd), plan.Val(0))
		}
	}
}
