package service

import (
	"os"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// Patience is how long a manager that does not read may hold up the end.
const Patience = time.Second

// socketName is the socket's name in its directory.
const socketName = "notify"

// Proxy takes messages from inside and sends them on. The manager takes messages
// of the process that it watches (NotifyAccess=main), and knows processes by the
// credentials that the kernel adds: so the launcher itself has to be the sender.
//
// One message is in the proxy's hands at a time. While the manager does not read,
// nor does the proxy, and the sender waits as it would without lichen.
type Proxy struct {
	address Address
	pid     int
	dir     string // "" once it is removed
	in, out int
	started bool

	stop, wake int // a pipe: wake is written to at the end
	done       chan struct{}
	deadline   time.Time // the goroutine's: set once the end was seen
}

// NewProxy connects to the manager and makes a socket in a fresh directory below
// parent. Nobody but the user can enter that; the socket itself is open to every
// id that a payload may have.
func NewProxy(a Address, parent string, pid int) (*Proxy, error) {
	p := &Proxy{address: a, pid: pid, in: -1, out: -1, stop: -1, wake: -1, done: make(chan struct{})}
	fail := func(op, object string, err error, hint string) (*Proxy, error) {
		p.Close()
		return nil, &spec.Error{Op: op, Object: object, Err: err, Hint: hint}
	}
	var err error
	if p.out, err = sys.DatagramSocket(); err != nil {
		return fail("make", "a socket for NOTIFY_SOCKET", err, "")
	}
	if err := sys.ConnectUnix(p.out, string(a)); err != nil {
		return fail("connect to", "NOTIFY_SOCKET "+string(a), err, "without a manager that listens there, unset NOTIFY_SOCKET")
	}
	if p.dir, err = os.MkdirTemp(parent, DirPrefix); err != nil {
		return fail("make", "a directory in "+parent, cause(err), "")
	}
	if p.in, err = sys.DatagramSocket(); err != nil {
		return fail("make", p.Path(), err, "")
	}
	if err := sys.BindAt(p.in, p.dir, socketName, 0o666); err != nil {
		return fail("make", p.Path(), err, "")
	}
	if p.stop, p.wake, err = sys.Pipe(); err != nil {
		return fail("make", "a pipe", err, "")
	}
	return p, nil
}

// DirPrefix begins the name of the directory that holds the socket.
const DirPrefix = "lichen-notify-"

// Path is the socket's, on the host.
func (p *Proxy) Path() string { return p.dir + "/" + socketName }

// Start begins to relay. With hidden the socket's name goes away first: it is
// mounted inside, where it stays reachable, and from then on it is by nobody else,
// so that no message can come from outside and nothing is left when the launcher is
// killed.
func (p *Proxy) Start(hidden bool) {
	if hidden {
		p.remove()
	}
	p.started = true
	go p.run()
}

// Close relays what has arrived and ends. Everything inside has ended before.
func (p *Proxy) Close() {
	if p == nil {
		return
	}
	if p.started {
		_ = sys.WriteByte(p.wake, 0) // the reader is this process
		select {
		case <-p.done:
		case <-time.After(2 * Patience):
			// Stuck in close(2) of what the payload has sent, such as a socket
			// that lingers: its descriptors end with this process.
			p.remove()
			return
		}
	}
	p.remove()
	for _, fd := range []*int{&p.in, &p.out, &p.stop, &p.wake} {
		if *fd >= 0 {
			sys.Close(*fd)
		}
		*fd = -1
	}
	p.started = false
}

func (p *Proxy) remove() {
	if p.dir == "" {
		return
	}
	// Nobody else can have put anything there but the user, whose it is then.
	_ = os.Remove(p.Path())
	_ = os.Remove(p.dir)
	p.dir = ""
}

func (p *Proxy) run() {
	defer close(p.done)
	r := relay{Proxy: p, buf: make([]byte, MaxMessage+1), control: sys.ControlBuffer()}
	for {
		ready, err := sys.AwaitEither(p.in, false, p.stop, -1)
		if err != nil {
			return
		}
		if ready.Second {
			p.expire()
		}
		for !p.expired() && r.one() {
		}
		if ready.Second {
			return
		}
	}
}

// expire starts the clock of the end.
func (p *Proxy) expire() {
	if p.deadline.IsZero() {
		p.deadline = time.Now().Add(Patience)
	}
}

func (p *Proxy) expired() bool { return !p.deadline.IsZero() && !time.Now().Before(p.deadline) }

// relay is the memory of the loop.
type relay struct {
	*Proxy
	buf, control []byte
}

// one takes one message; false means that none was there.
func (r *relay) one() bool {
	n, fds, whole, err := sys.ReceiveDatagram(r.in, r.buf, r.control)
	if err != nil {
		return false
	}
	defer closeAll(fds)
	m := Filter(r.buf[:n], r.pid)
	if !whole || m.Text == "" {
		return true
	}
	switch {
	case !m.FDs:
		r.send(m.Text, nil)
	case m.Barrier:
		r.send(m.Text, fds)
	default:
		r.send(m.Text, storable(fds))
	}
	return true
}

// storable leaves out what lichen would not pass on when the manager gives it
// back: a directory or a path leads further than to one open file.
func storable(fds []int) (out []int) {
	for _, fd := range fds {
		if st, err := sys.StatFD(fd); err == nil && !st.Mode.IsDir() && st.Flags&sys.O_PATH == 0 {
			out = append(out, fd)
		}
	}
	return out
}

func closeAll(fds []int) {
	for _, fd := range fds {
		sys.Close(fd)
	}
}

// send waits while the manager's socket is full. What it refuses is lost, as it
// would be for a sender that does not look at the result.
func (r *relay) send(text string, fds []int) {
	again := true
	for {
		switch err := sys.SendDatagram(r.out, []byte(text), fds); err {
		case sys.EAGAIN:
			if !r.await() {
				return
			}
		case syscall.ECONNREFUSED, syscall.ENOTCONN, syscall.ECONNRESET:
			// The manager has made its socket anew.
			if !again || sys.ConnectUnix(r.out, string(r.address)) != nil {
				return
			}
			again = false
		default:
			return
		}
	}
}

// await waits for room in the manager's socket; after the end, not for long.
func (r *relay) await() bool {
	for !r.expired() {
		stop, limit := r.stop, time.Duration(-1)
		if !r.deadline.IsZero() {
			stop, limit = -1, max(time.Until(r.deadline), 0)
		}
		ready, err := sys.AwaitEither(r.out, true, stop, limit)
		if err != nil {
			return false
		}
		if ready.First {
			return true
		}
		if ready.Second {
			r.expire()
		}
	}
	return false
}

func cause(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
