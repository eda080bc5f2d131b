package test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestJoinedTerminal protects P6, and a shell's job control: the terminal of "lichen
// exec" is the command's, and nothing can be typed into it.
func TestJoinedTerminal(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		c.run("export " + b.runtimeEnv()[0] + " E='" + strings.Join(lichenArgs("exec", "box"), " ") + "'")
		c.expect("\r\n")
		c.expect(prompt)
		c.run("$E cat")
		c.expect("$E cat\r\n")
		c.keys("one\n")
		c.expect("one\r\none\r\n") // the echo, and cat's answer
		c.suspend()
		c.run("fg")
		c.expect("cat\r\n")
		c.keys("two\n")
		c.expect("two\r\ntwo\r\n")
		c.keys("\x04")
		c.ends("0")
		c.run("$E sh -c 'echo rea''dy; exec sleep 60'")
		c.expect("ready\r\n")
		c.keys("\x03")
		c.ends("130")
		p.kill()
	})
	forUsers(t, func(t *testing.T, b *box) {
		for name, options := range b.confined() {
			if !b.mayUse(options...) || b.user.uid == 0 && name == "script" {
				continue
			}
			p := b.sandbox("box", options, "sh", "-c", "echo ready; exec sleep 60")
			var probes []string
			for _, r := range injections {
				probes = append(probes, "ioctl 0 "+r)
			}
			_, slave := newTerminal(b)
			o := b.do(command{args: append(lichenArgs("exec", "box", binDir+"/probe"), probes...), env: b.runtimeEnv(), stdin: slave})
			in := parseAnswers(t, o.stdout)
			for _, probe := range probes {
				b.expect(name, in[probe], "EPERM")
			}
			if n, err := unix.IoctlGetInt(int(slave.Fd()), unix.TIOCINQ); err != nil || n != 0 {
				t.Errorf("%s: %d characters wait in the terminal, %v", name, n, err)
			}
			p.kill()
		}
	})
}
