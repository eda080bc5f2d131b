package test

import (
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterruptAtRandom protects a user who presses ^C while lichen still starts:
// it ends what is about to run, whoever of launcher, PID 1 and payload is there.
func TestInterruptAtRandom(t *testing.T) {
	const presses = 60
	forUsers(t, func(t *testing.T, b *box) {
		for i := range presses {
			options := [][]string{nil, {"--new-session"}, {"--exit-by-signal"}}[i%3]
			master, slave := newTerminal(b)
			b.check(os.Chown(slave.Name(), b.user.uid, -1))
			p := b.start(command{args: append(runArgs(options...), "sleep", "60"), stdin: slave,
				attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
			wait := time.Duration(rand.IntN(10_000)) * time.Microsecond
			time.Sleep(wait)
			_, err := master.Write([]byte{3})
			b.check(err)
			// By the signal also where it comes before lichen has begun to forward.
			if o := p.wait(); o.code != 130 || o.stderr != "" {
				t.Errorf("%v, ^C after %v: %+v", options, wait, o)
			}
			slave.Close()
			master.Close()
		}
	})
}

// TestSuspendAtRandom protects a user who presses ^Z while lichen still starts:
// the shell gets its prompt, and fg goes on.
func TestSuspendAtRandom(t *testing.T) {
	const presses = 40
	forUsers(t, func(t *testing.T, b *box) {
		stopped := 0
		for i := range presses {
			option := []string{"--new-session", "--umask=022"}[i%2] // the second is no matter
			master, slave := newTerminal(b)
			b.check(os.Chown(slave.Name(), b.user.uid, -1))
			p := b.start(command{args: []string{binDir + "/probe", "job " + binDir + "/lichen run " + option + " -- sleep 0.03"}, stdin: slave,
				attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
			p.line()
			wait := time.Duration(rand.IntN(12_000)) * time.Microsecond
			time.Sleep(wait)
			_, err := master.Write([]byte{26})
			b.check(err)
			line := p.line()
			for line == "stopped" { // a second time where fg was as fast
				stopped++
				line = p.line()
			}
			if in := parseAnswers(t, line); len(in) != 1 || !strings.Contains(line, `"out":"0"`) {
				t.Errorf("%s, ^Z after %v: %s", option, wait, line)
			}
			p.wait()
			slave.Close()
			master.Close()
		}
		if stopped == 0 {
			t.Error("^Z has never stopped anything")
		}
	})
}
