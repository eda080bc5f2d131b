package test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// process is a command that runs beside the test.
type process struct {
	b      *box
	cmd    *exec.Cmd
	out    *lineReader
	stderr bytes.Buffer
	cancel context.CancelFunc
}

// start starts a command whose output is read line by line.
func (b *box) start(c command) *process {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	p := &process{b: b, cmd: b.cmd(ctx, c), cancel: cancel}
	r, w, err := os.Pipe()
	b.check(err)
	p.cmd.Stdout, p.cmd.Stderr = w, &p.stderr
	b.check(p.cmd.Start())
	w.Close()
	p.out = newLineReader(r)
	b.t.Cleanup(func() {
		cancel()
		r.Close()
	})
	return p
}

// line waits for the next line of output.
func (p *process) line() string {
	p.b.t.Helper()
	select {
	case s, ok := <-p.out.lines:
		if !ok {
			p.b.t.Fatalf("%q ended early: %s", p.cmd.Args, &p.stderr)
		}
		return s
	case <-time.After(deadline):
		p.b.t.Fatalf("%q says nothing: %s", p.cmd.Args, &p.stderr)
	}
	return ""
}

// wait waits for the end and returns the remaining output.
func (p *process) wait() output {
	p.b.t.Helper()
	err := p.cmd.Wait()
	var rest []string
	for s := range p.out.lines {
		rest = append(rest, s)
	}
	return finished(p.b.t, p.cmd, err, strings.Join(rest, "\n"), p.stderr.String())
}

func (p *process) kill() {
	p.b.t.Helper()
	p.b.check(p.cmd.Process.Kill())
	p.cmd.Wait() // says that it was killed
}

// lineReader reads lines in the background.
type lineReader struct{ lines chan string }

func newLineReader(r io.Reader) *lineReader {
	l := &lineReader{lines: make(chan string, 256)}
	go func() {
		defer close(l.lines)
		var buf bytes.Buffer
		chunk := make([]byte, 4096)
		for {
			n, err := r.Read(chunk)
			buf.Write(chunk[:n])
			for {
				i := bytes.IndexByte(buf.Bytes(), '\n')
				if i < 0 {
					break
				}
				l.lines <- string(buf.Next(i + 1)[:i])
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}
