package terminal

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// deadline is for what happens at once on a machine with nothing else to do.
const deadline = 20 * time.Second

// newPair makes a terminal as a sandbox hands it over.
func newPair(t *testing.T) (master, peer int) {
	t.Helper()
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(m, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	p, err := unix.Open("/dev/pts/"+strconv.Itoa(n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

// setting is a relay between pipes and a terminal, of which payload is the side
// that a payload has.
type setting struct {
	relay   *Relay
	payload *os.File
	input   *os.File // to write to
	output  *os.File // to read from
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	master, peer := newPair(t)
	payload, err := unix.Dup(peer)
	if err != nil {
		t.Fatal(err)
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRelay(&Caller{in: int(inR.Fd()), out: int(outW.Fd()), keys: -1, window: -1}, master, peer)
	if err != nil {
		t.Fatal(err)
	}
	s := &setting{relay: r, payload: os.NewFile(uintptr(payload), "payload"), input: inW, output: outR}
	t.Cleanup(func() {
		for _, f := range []*os.File{s.payload, inW, outR, inR, outW} {
			f.Close()
		}
	})
	return s
}

// soon fails a test whose f does not return.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(deadline):
		t.Fatal(what + " takes for ever")
	}
}

// TestEndOfInput protects filters: where the caller's input ends, so does the
// payload's, after all of it, within a line too.
func TestEndOfInput(t *testing.T) {
	for _, text := range []string{"", "line\n", "no line", "\n", "one\ntwo"} {
		s := newSetting(t)
		s.relay.Start()
		if _, err := s.input.WriteString(text); err != nil {
			t.Fatal(err)
		}
		s.input.Close()
		soon(t, "the end of input", func() {
			var got bytes.Buffer
			buf := make([]byte, 100)
			for {
				n, err := s.payload.Read(buf)
				got.Write(buf[:n])
				if n == 0 || err != nil {
					break // EOF
				}
			}
			if got.String() != text {
				t.Errorf("%q arrived as %q", text, got.String())
			}
		})
	}
}

// TestLastOutput protects the end of what a payload writes: it comes out, though
// somebody keeps the payload's side open.
func TestLastOutput(t *testing.T) {
	for range 50 {
		s := newSetting(t)
		s.relay.Start()
		const text = "the last words of a payload"
		if _, err := s.payload.WriteString(text); err != nil {
			t.Fatal(err)
		}
		soon(t, "Finish", func() { s.relay.Finish(0) })
		buf := make([]byte, 100)
		n, err := s.output.Read(buf)
		if err != nil || string(buf[:n]) != text {
			t.Fatalf("%q, %v", buf[:n], err)
		}
	}
}

// TestReaderGone protects a pipeline whose reader has had enough: the payload's
// terminal hangs up.
func TestReaderGone(t *testing.T) {
	s := newSetting(t)
	s.relay.Start()
	s.output.Close()
	soon(t, "the hang-up", func() {
		for {
			if _, err := s.payload.WriteString("y\n"); err != nil {
				if e, ok := err.(*os.PathError); !ok || e.Err != syscall.EIO {
					t.Error(err)
				}
				return
			}
		}
	})
	s.relay.Resize() // nothing of what is closed is used
	soon(t, "Finish", func() { s.relay.Finish(0) })
}

// TestBudget protects who counts: not a byte more than granted comes out.
func TestBudget(t *testing.T) {
	s := newSetting(t)
	left := 10
	s.relay.Take = func(n int) int {
		n = min(n, left)
		left -= n
		return n
	}
	s.relay.Start()
	soon(t, "the end of the budget", func() {
		for {
			if _, err := s.payload.WriteString("abc"); err != nil {
				return // hung up
			}
		}
	})
	soon(t, "Finish", func() { s.relay.Finish(0) })
	buf := make([]byte, 100)
	if n, err := s.output.Read(buf); err != nil || string(buf[:n]) != "abcabcabca" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// TestNobodyReads protects the launcher: a caller that takes nothing holds up the
// payload, and Finish no longer than it is told to.
func TestNobodyReads(t *testing.T) {
	s := newSetting(t)
	s.relay.Start()
	written := make(chan int, 1)
	go func() {
		total := 0
		for range 10 << 10 {
			n, err := s.payload.Write(make([]byte, 1<<10))
			if total += n; err != nil {
				break
			}
		}
		written <- total
	}()
	select {
	case n := <-written:
		t.Errorf("%d bytes went where nobody reads", n)
	case <-time.After(300 * time.Millisecond):
	}
	soon(t, "Finish with patience", func() { s.relay.Finish(50 * time.Millisecond) })
	done := make(chan struct{})
	go func() { s.relay.Finish(0); close(done) }()
	s.relay.GiveUp()
	s.relay.GiveUp()
	soon(t, "Finish after GiveUp", func() { <-done })
	go func() { // let the writer and the relay go
		buf := make([]byte, 1<<20)
		for {
			if _, err := s.output.Read(buf); err != nil {
				return
			}
		}
	}()
	<-written
}

// TestModes protects a caller's terminal: raw in between, the same afterwards, and
// what was set by others meanwhile is not taken for the caller's.
func TestModes(t *testing.T) {
	_, tty := newPair(t)
	c := &Caller{in: tty, out: tty, keys: tty, window: tty, modes: []mode{{fd: tty}}}
	get := func() sys.TerminalSettings {
		s, err := sys.GetTerminal(tty)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := get()
	for range 3 {
		c.Raw()
		if get().Lines() {
			t.Error("not raw")
		}
		c.Raw()
		c.Restore()
		if get() != before {
			t.Errorf("%v became %v", before, get())
		}
		c.Restore()
	}
	c.Raw()
	c.Close()
	c.Raw()
	if get() != before {
		t.Error("raw after Close")
	}
}

// TestModesOfTwo protects the terminal of a pipeline of two: whichever ends last,
// its settings are those from before.
func TestModesOfTwo(t *testing.T) {
	_, tty := newPair(t)
	before, err := sys.GetTerminal(tty)
	if err != nil {
		t.Fatal(err)
	}
	for _, firstEndsFirst := range []bool{true, false} {
		first := &Caller{in: tty, out: tty, keys: tty, window: tty, modes: []mode{{fd: tty}}, shared: true}
		second := &Caller{in: tty, out: tty, keys: tty, window: tty, modes: []mode{{fd: tty}}}
		first.Raw()
		second.Raw()
		if firstEndsFirst {
			first.Close()
			second.Close()
		} else {
			second.Close()
			first.Close()
		}
		if after, err := sys.GetTerminal(tty); err != nil || after != before {
			t.Errorf("%v became %v, %v", before, after, err)
		}
	}
}
