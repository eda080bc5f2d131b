package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// console is a user at a terminal, with an interactive shell in it.
type console struct {
	b      *box
	master *os.File
	shell  *exec.Cmd

	mu   sync.Mutex
	seen bytes.Buffer // what the terminal shows and no expect has passed yet
	more chan struct{}
}

// prompt is the shell's. Its terminal echoes commands as they are written here, so
// that they must not contain what their output is known by.
const prompt = "<prompt> "

// newConsole starts the shell, in lines of the kernel's own editing: the settings
// of the terminal are then the same before and after each command.
func newConsole(b *box) *console {
	b.t.Helper()
	master, slave := newTerminal(b)
	b.check(os.Chown(slave.Name(), b.user.uid, -1))
	c := &console{b: b, master: master, more: make(chan struct{}, 1)}
	c.shell = exec.Command("bash", "--norc", "--noprofile", "--noediting", "-i")
	c.shell.Dir, c.shell.Env = b.work, append(b.env(), "PS1="+prompt, "TERM=dumb", "LC_ALL=C",
		"L="+strings.Join(runArgs(), " "), "LPTY="+strings.Join(runArgs("--pty"), " "), "PROBE="+binDir+"/probe")
	c.shell.Stdin, c.shell.Stdout, c.shell.Stderr = slave, slave, slave
	c.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if b.user.uid != os.Getuid() {
		c.shell.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(b.user.uid), Gid: uint32(b.user.uid)}
	}
	b.check(c.shell.Start())
	slave.Close()
	done := make(chan struct{})
	go c.watch(done)
	b.t.Cleanup(func() {
		c.shell.Process.Kill()
		c.shell.Wait() // says that it was killed
		master.Close()
		<-done
	})
	c.expect(prompt)
	return c
}

func (c *console) watch(done chan<- struct{}) {
	defer close(done)
	buf := make([]byte, 64<<10)
	for {
		n, err := c.master.Read(buf)
		c.mu.Lock()
		c.seen.Write(buf[:n])
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// keys has the user type.
func (c *console) keys(text string) {
	c.b.t.Helper()
	_, err := c.master.WriteString(text)
	c.b.check(err)
}

// run types a command.
func (c *console) run(command string) { c.b.t.Helper(); c.keys(command + "\n") }

// expect waits for text on the screen, and returns what stands before it.
func (c *console) expect(text string) string {
	c.b.t.Helper()
	end := time.After(deadline)
	for {
		c.mu.Lock()
		i := bytes.Index(c.seen.Bytes(), []byte(text))
		if i >= 0 {
			before := string(c.seen.Next(i + len(text))[:i])
			c.mu.Unlock()
			return before
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-end:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.b.t.Fatalf("no %q on the screen: %q", text, c.seen.String())
		}
	}
}

// status returns the status of the last command, for each part of a pipeline.
func (c *console) status() string {
	c.b.t.Helper()
	c.run(`echo "<${PIPESTATUS[*]}"">"`)
	c.expect(`"">"`) // the echo
	c.expect("<")
	s := c.expect(">")
	c.expect(prompt)
	return s
}

// ends waits for the shell's prompt and checks the status of what ran.
func (c *console) ends(want string) {
	c.b.t.Helper()
	c.expect(prompt)
	if got := c.status(); got != want {
		c.b.t.Errorf("status %s, want %s", got, want)
	}
}

// settings returns those of the terminal, as text that can be compared.
func (c *console) settings() string {
	c.b.t.Helper()
	t, err := unix.IoctlGetTermios(int(c.master.Fd()), unix.TCGETS)
	c.b.check(err)
	return fmt.Sprintf("%x %x %x %x %x", t.Iflag, t.Oflag, t.Cflag, t.Lflag, t.Cc)
}

// isRaw waits until the terminal is raw, or is not.
func (c *console) isRaw(want bool) {
	c.b.t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		t, err := unix.IoctlGetTermios(int(c.master.Fd()), unix.TCGETS)
		c.b.check(err)
		if t.Lflag&unix.ICANON == 0 == want {
			return
		}
	}
	c.b.t.Fatalf("the terminal is raw: not %v", want)
}

func (c *console) resize(rows, columns uint16) {
	c.b.t.Helper()
	c.b.check(unix.IoctlSetWinsize(int(c.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}))
}

// lichen returns the process that the shell has started last.
func (c *console) lichen() int {
	c.b.t.Helper()
	pid := c.shell.Process.Pid
	var children []string
	for end := time.Now().Add(deadline); len(children) == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		children = strings.Fields(readFile(c.b, fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)))
	}
	if len(children) == 0 {
		c.b.t.Fatal("the shell has no child")
	}
	child, err := strconv.Atoi(children[len(children)-1])
	c.b.check(err)
	return child
}

// suspend presses ^Z and waits until the whole job is stopped. A program that reads and
// has the signal still takes a line that is there when it wakes (n_tty_read), so that
// the shell would wait in vain for what is typed next.
func (c *console) suspend() {
	c.b.t.Helper()
	group, err := unix.Getpgid(c.lichen())
	c.b.check(err)
	c.keys("\x1a")
	c.expect("Stopped")
	c.expect(prompt)
	c.b.until("the whole job is stopped", func() bool {
		names, err := os.ReadDir("/proc")
		c.b.check(err)
		for _, n := range names {
			stat, _ := os.ReadFile("/proc/" + n.Name() + "/stat") // it may have ended
			name, rest, ok := strings.Cut(string(stat), ") ")
			f := strings.Fields(rest)
			if ok && len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "T" && f[0] != "Z" && !strings.HasSuffix(name, "(lichen-init") {
				return false
			}
		}
		return true
	})
}

// atConsole runs a test as each user, with a shell.
func atConsole(t *testing.T, f func(b *box, c *console)) {
	t.Helper()
	forUsers(t, func(t *testing.T, b *box) { f(b, newConsole(b)) })
}
