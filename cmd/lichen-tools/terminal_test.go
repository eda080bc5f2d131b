package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// onTerminal runs a shell script on a terminal of its own, by script(1). What is
// written to input is typed there.
func onTerminal(t *testing.T, b *box, text string) (c *exec.Cmd, input io.WriteCloser, shown *bytes.Buffer) {
	t.Helper()
	script, err := exec.LookPath("script")
	if err != nil {
		if os.Getenv("LICHEN_MUST_WORK") != "" {
			t.Fatal(err)
		}
		t.Skip("script(1) is not here")
	}
	c = b.command()
	c.Path, c.Args = script, []string{"script", "-qec", text, "/dev/null"}
	c.Env = append(b.env, "TERM=xterm", "SHELL=/bin/sh")
	shown = &bytes.Buffer{}
	c.Stdout, c.Stderr = shown, shown
	if input, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, input, shown
}

func TestBars(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 3_000_000))
		var slow atomic.Bool
		slow.Store(true)
		s.wrap.Store(stalling(&slow))
		time.AfterFunc(time.Second, func() { slow.Store(false) })
		c, input, shown := onTerminal(t, b, "stty rows 24 cols 80; stty -a >before; "+b.tools+" image pull "+ref+" >out; echo code $?; stty -a >after")
		if err := c.Wait(); err != nil {
			t.Errorf("%v: %s", err, shown)
		}
		input.Close()
		text := shown.String()
		for _, want := range []string{"layer 1/3", "layer 3/3", "MiB", "done", "\x1b[", "code 0"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in %q", want, text)
			}
		}
		if out := mustRead(t, filepath.Join(b.dir, "out")); !strings.HasPrefix(out, ref+"@sha256:") || strings.Contains(out, "\x1b") {
			t.Errorf("standard output: %q", out)
		}
		sameTerminal(t, b, text)
	})
}

// sameTerminal fails if the terminal's settings have changed, or its cursor or
// screen is left in another state.
func sameTerminal(t *testing.T, b *box, shown string) {
	t.Helper()
	if before, after := mustRead(t, filepath.Join(b.dir, "before")), mustRead(t, filepath.Join(b.dir, "after")); before != after {
		t.Errorf("the terminal was %s and is %s", before, after)
	}
	for _, sequence := range []string{"\x1b[?25l", "\x1b[?1049h"} { // cursor hidden, other screen
		if strings.Contains(shown, sequence) {
			t.Errorf("%q is in %q", sequence, shown)
		}
	}
}

func TestInterruptedByKey(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 5_000_000))
		var slow atomic.Bool
		slow.Store(true)
		s.wrap.Store(stalling(&slow))
		defer slow.Store(false)
		c, input, shown := onTerminal(t, b, "trap : INT; stty rows 24 cols 80; stty -a >before; "+b.tools+" image pull "+ref+"; echo code $?; stty -a >after")
		waitFor(t, func() bool { return fileSize(b.store("partial", "*")) > 1_000_000 })
		if _, err := input.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = c.Process.Signal(syscall.SIGKILL)
			t.Fatalf("it does not end: %q", <-ended)
		}
		text := shown.String()
		if !strings.Contains(text, "lichen: pull "+ref+": interrupt") || !strings.Contains(text, "code 125") || !strings.Contains(text, "stopped") {
			t.Errorf("%q", text)
		}
		sameTerminal(t, b, text)
		b.empty("staging", "trees", "records", "locks")
	})
}
