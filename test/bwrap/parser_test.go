package bwrap

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"

	frontend "github.com/lichen-sandbox/lichen/bwrap"
)

// parse is what lichen's parser makes of a case: the first line on stderr,
// and whether a program would start.
func parse(b *box, tc *testCase) (line string, starts bool) {
	args := b.words(tc.args)
	switch tc.command {
	case "-":
	case "":
		args = append(args, "--", "report")
	default:
		args = append(args, b.words(tc.command)...)
	}
	lists := func(fd int) (io.ReadCloser, error) {
		kind, text, ok := strings.Cut(tc.fds[fd], ":")
		if !ok || kind != "data" && kind != "pipe" {
			return nil, syscall.EBADF
		}
		delete(tc.fds, fd)
		return io.NopCloser(strings.NewReader(strings.ReplaceAll(text, `\0`, "\x00"))), nil
	}
	c, err := frontend.Parse(args, frontend.Options{Root: b.uid == 0, ReadArgs: lists})
	var e *frontend.Error
	switch {
	case len(c.Warnings) > 0:
		line = strings.TrimSuffix(c.Warnings[0], "\n")
	case errors.As(err, &e) && e.Usage:
		line = "usage: bwrap [OPTIONS...] [--] COMMAND [ARGS...]"
	case err != nil:
		line = strings.TrimSuffix(c.Message(err.Error()), "\n")
	}
	return line, err == nil && c.Action == frontend.ActionRun
}

// TestParser: the parser refuses what the reference refuses, in its words, and
// nothing else.
func TestParser(t *testing.T) {
	for _, tc := range cases() {
		uid, able := users()["user"]
		if tc.only == "root" {
			uid, able = users()["root"]
		}
		if !able || tc.only == "none" {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			parser := strings.HasPrefix(tc.name, "refused/") || strings.HasPrefix(tc.name, "told/")
			run := tc
			run.fds = make(map[int]string)
			for n, what := range tc.fds {
				run.fds[n] = what
			}
			line, starts := parse(newBox(t, uid), &run)
			if starts && !parser && line == "" && !strings.HasPrefix(tc.name, "stricter/") {
				return // what is to be seen then is TestSame's
			}
			o := referenceRun(t, &tc, uid)
			if strings.HasPrefix(tc.name, "stricter/") {
				if starts || line == "" || o["exit"] != "0" {
					t.Errorf("%q, the reference exits with %s", line, o["exit"])
				}
				return
			}
			if o["stderr"] != line {
				t.Errorf("%q, the reference has %q", line, o["stderr"])
			}
			if parser && starts {
				t.Errorf("a program would start")
			}
		})
	}
}

// TestEveryOption: each option of the table is in a case.
func TestEveryOption(t *testing.T) {
	used := make(map[string]bool)
	for _, tc := range cases() {
		words := strings.Fields(tc.args)
		for _, what := range tc.fds {
			words = append(words, strings.Split(strings.ReplaceAll(what, `\0`, " "), " ")...)
		}
		for _, w := range words {
			used[strings.TrimPrefix(w, fdData)] = true
		}
	}
	n := 0
	for line := range strings.Lines(frontend.Usage("bwrap")) {
		f := strings.Fields(line)
		if len(f) == 0 || !strings.HasPrefix(f[0], "--") {
			continue
		}
		if n++; !used[f[0]] {
			t.Errorf("no case has %s", f[0])
		}
	}
	if n < 60 {
		t.Errorf("only %d options found", n)
	}
	t.Log(strconv.Itoa(n) + " options")
}
