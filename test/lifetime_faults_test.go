package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fault is one run that somebody interferes with.
type fault struct {
	victim string // "launcher", or a key of the line "started"
	signal syscall.Signal
	early  bool          // not only once the payload runs
	after  time.Duration // the moment
	linger bool
}

func newFault(r *rand.Rand) fault {
	f := fault{
		victim: []string{"launcher", "pid", "payload_pid"}[r.IntN(3)], signal: unix.SIGKILL,
		after: time.Duration(r.IntN(6000)) * time.Microsecond, linger: r.IntN(2) == 0,
	}
	if f.victim != "pid" && r.IntN(4) == 0 {
		f.signal = unix.SIGTERM
	}
	f.early = f.victim == "launcher" && r.IntN(2) == 0
	return f
}

// TestFaults protects P7 and every supervisor: launcher, PID 1 or payload is
// killed at a random moment. Nothing survives, and the exit status tells what
// has happened.
func TestFaults(t *testing.T) {
	program := crowd(t)
	forUsers(t, func(t *testing.T, b *box) {
		runs := 500
		if b.user.uid == 0 {
			runs = 100
		}
		seed := rand.Uint64()
		run, tmp := b.mkdir(b.dir+"/run"), b.mkdir(b.dir+"/tmp")
		b.check(os.Chmod(run, 0o700))
		marker := fmt.Sprintf("FAULTS_%x", seed)
		env := []string{"XDG_RUNTIME_DIR=" + run, "TMPDIR=" + tmp, "MARKER=" + marker}
		if os.Getuid() == 0 { // PID 1's environment is closed to its user
			b.isSeen(program, marker, env)
		}
		fds := descriptorsOf("self")
		each(runs, func(i int) {
			f := newFault(rand.New(rand.NewPCG(seed, uint64(i))))
			if err := b.interfere(f, program, marker, env); err != nil {
				t.Errorf("seed %d, run %d, %+v: %v", seed, i, f, err)
			}
		})
		b.noProcesses()
		if left := carrying(marker, 0); len(left) > 0 {
			t.Errorf("seed %d: left %s", seed, left)
		}
		if now := descriptorsOf("self"); now > fds {
			t.Errorf("%d descriptors are open, %d were", now, fds)
		}
		b.leftNoFiles(tmp)
		// What killed launchers have left of themselves, the next look clears away.
		if o := b.do(command{args: lichenArgs("ps"), env: env}); o.code != 0 || strings.Contains(o.stdout, "crowd") {
			t.Errorf("seed %d: lichen ps: %+v", seed, o)
		}
		b.leftNoFiles(run)
	})
}

// interfere starts a sandbox, sends the signal and checks the status.
func (b *box) interfere(f fault, program, marker string, env []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	// The payload has the marker among its arguments, launcher and PID 1 in their
	// environment.
	args := append(runArgs("--status-fd", "3"), program, "hold", marker)
	if f.linger {
		args = append(runArgs("--status-fd", "3", "--linger"), program, "hold", marker, "follow")
	}
	cmd := b.cmd(ctx, command{args: args, env: env, extra: []*os.File{w}})
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	defer cmd.Wait() // a second time does nothing
	status := bufio.NewReader(r)
	pid := cmd.Process.Pid
	if !f.early {
		line, err := status.ReadBytes('\n')
		var started map[string]any
		if err == nil {
			err = json.Unmarshal(line, &started)
		}
		if err != nil {
			return fmt.Errorf("the first line: %w", err)
		}
		if n, ok := started[f.victim].(float64); ok {
			pid = int(n)
		} else if f.victim != "launcher" {
			return fmt.Errorf("no %s in %s", f.victim, line)
		}
	}
	time.Sleep(f.after)
	if err := unix.Kill(pid, f.signal); err != nil {
		return err
	}
	_ = cmd.Wait() // the state says more than the error
	rest, err := io.ReadAll(status)
	if err == nil {
		err = f.judge(cmd.ProcessState.Sys().(syscall.WaitStatus), string(rest))
	}
	if err != nil && stderr.Len() > 0 {
		err = fmt.Errorf("%w; it says: %s", err, &stderr)
	}
	return err
}

// judge compares the end with what was done.
func (f *fault) judge(w syscall.WaitStatus, status string) error {
	killed := f.victim == "launcher" && (f.signal == unix.SIGKILL || f.early) && w.Signaled() && w.Signal() == f.signal
	switch line := fmt.Sprintf(`"event":"exited","signal":%d,`, f.signal); {
	case f.victim == "launcher" && f.signal == unix.SIGKILL:
		if !killed {
			return fmt.Errorf("wait status %#x", w)
		}
	case killed:
		// By SIGTERM, before lichen has begun to forward it.
	case !w.Exited() || w.ExitStatus() != 128+int(f.signal):
		return fmt.Errorf("wait status %#x", w)
	case !strings.Contains(status, line):
		return fmt.Errorf("the status line is %s", status)
	}
	return nil
}

// isSeen checks the check: of a sandbox that runs, every process is found.
func (b *box) isSeen(program, marker string, env []string) {
	b.t.Helper()
	p := b.start(command{args: append(runArgs(), program, "hold", marker), env: env})
	const processes = 6 // launcher, PID 1, payload, what it has left
	if found := carrying(marker, processes); len(found) != processes {
		b.t.Errorf("of a running sandbox only %s are found", found)
	}
	p.kill()
}

// carrying lists the processes that have the marker in their arguments or their
// environment. It waits until there are as many as want.
func carrying(marker string, want int) []string {
	var found []string
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		found = nil
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range dirs {
			arguments, _ := os.ReadFile(dir + "/cmdline") // none where it has ended
			environment, _ := os.ReadFile(dir + "/environ")
			if bytes.Contains(arguments, []byte(marker)) || bytes.Contains(environment, []byte(marker)) {
				found = append(found, dir)
			}
		}
		if len(found) == want {
			break
		}
	}
	return found
}
