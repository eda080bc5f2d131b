package test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The caller's terminal passes through: a shell's job control sees what it would
// see without a sandbox.

// TestSuspend protects ^Z: the shell gets its prompt back, and fg and bg go on.
func TestSuspend(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		before := c.settings()
		c.run("$L cat")
		c.expect("$L cat\r\n")
		c.keys("one\n")
		c.expect("one\r\none\r\n") // the echo, and cat's answer
		b.handles(c.lichen(), unix.SIGTSTP)
		c.suspend()
		c.run("fg")
		c.expect("cat\r\n")
		c.keys("two\n")
		c.expect("two\r\ntwo\r\n")
		c.keys("\x04")
		c.ends("0")

		// Not a shell: one that waits in vfork(2), bare or not, is not stopped by ^Z.
		b.file(b.work+"/stay", "")
		c.run("$L $PROBE 'gone stay'")
		c.expect("\r\n")
		b.handles(c.lichen(), unix.SIGTSTP)
		c.suspend()
		c.run("bg; rm stay")
		c.expect(`"probe":"gone`)
		c.run("wait")
		c.expect(prompt)
		if after := c.settings(); after != before {
			t.Errorf("settings %s became %s", before, after)
		}
	})
}

// TestSuspendPipeline protects the same for a pipeline with a sandbox in its
// middle.
func TestSuspendPipeline(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		c.run("cat | $L cat | cat")
		c.expect("| cat\r\n")
		c.keys("one\n")
		c.expect("one\r\none\r\n")
		c.suspend()
		c.run("fg")
		c.expect("| cat\r\n")
		c.keys("two\n")
		c.expect("two\r\ntwo\r\n")
		c.keys("\x04")
		c.ends("0")
	})
}

// TestInterruptPipeline protects ^C: all of a pipeline ends.
func TestInterruptPipeline(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		for _, command := range []string{"$L sh -c 'cat' | cat", "$L sh -c 'cat; exit 7' | cat"} {
			c.run(command)
			c.expect("| cat\r\n")
			c.keys("one\n")
			c.expect("one\r\none\r\n")
			c.keys("\x03")
			c.ends("130 130")
		}
	})
}

// TestWindow protects programs that draw: they are told of a changed window.
func TestWindow(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		for _, l := range []string{"$L", "$LPTY"} {
			c.resize(24, 80)
			c.run(l + ` sh -c 'trap "stty size; exit 5" WINCH; stty size; while :; do sleep 0.05; done'`)
			c.expect("24 80\r\n")
			c.resize(33, 77)
			c.expect("33 77\r\n")
			c.ends("5")
		}
	})
}

// TestBackgroundJob protects a job that is started in the background: it runs, and
// what it wants to read stops it until it comes to the foreground.
func TestBackgroundJob(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		c.run("$L sh -c 'echo wor''king; read x; echo got $x' &")
		c.expect("working\r\n")
		c.run("")
		c.expect(prompt)
		for end := time.Now().Add(deadline); ; {
			c.run("jobs")
			if out := c.expect(prompt); strings.Contains(out, "Stopped") {
				break
			}
			if time.Now().After(end) {
				t.Fatal("it does not stop for reading")
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.run("fg")
		c.keys("this\n")
		c.expect("got this\r\n")
		c.ends("0")
	})
}
