package test

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// answers are the results of probes, by the probe's text.
type answers map[string]answer

type answer struct {
	Probe, Err, Out string
}

func parseAnswers(t *testing.T, stdout string) answers {
	t.Helper()
	all := answers{}
	dec := json.NewDecoder(strings.NewReader(stdout))
	for {
		var a answer
		switch err := dec.Decode(&a); {
		case err == io.EOF:
			return all
		case err != nil:
			t.Fatalf("%v in %q", err, stdout)
		}
		all[a.Probe] = a
	}
}

// inside runs probes in a sandbox.
func (b *box) inside(options []string, probes ...string) answers {
	b.t.Helper()
	return b.answers(command{args: probeArgs(options, probes...)}, probes)
}

// outsideProbes runs probes without a sandbox, as the same user.
func (b *box) outsideProbes(probes ...string) answers {
	b.t.Helper()
	return b.answers(command{args: append([]string{binDir + "/probe"}, probes...)}, probes)
}

func (b *box) answers(c command, probes []string) answers {
	b.t.Helper()
	o := b.do(c)
	if o.code != 0 || o.stderr != "" {
		b.t.Fatalf("%q: status %d, %s", c.args, o.code, o.stderr)
	}
	all := parseAnswers(b.t, o.stdout)
	for _, p := range probes {
		if _, ok := all[p]; !ok {
			b.t.Fatalf("no answer to %q in %q", p, o.stdout)
		}
	}
	return all
}

// attack is something that works outside and must not inside. Both columns
// list what the probe may answer, separated by blanks: names of errors, or
// "ok". An "@" in the probe becomes a letter that differs inside and outside,
// for what can be made once only.
type attack struct {
	probe   string
	inside  string
	outside string // "" when it is not tried outside
}

// attacks tries each, first outside.
func (b *box) attacks(options []string, list []attack) {
	b.t.Helper()
	var probes, free []string
	for _, a := range list {
		probes = append(probes, strings.ReplaceAll(a.probe, "@", "i"))
		if a.outside != "" {
			free = append(free, strings.ReplaceAll(a.probe, "@", "o"))
		}
	}
	if len(free) > 0 {
		out := b.outsideProbes(free...)
		for _, a := range list {
			if a.outside != "" {
				b.expect("outside", out[strings.ReplaceAll(a.probe, "@", "o")], a.outside)
			}
		}
	}
	in := b.inside(options, probes...)
	for i, a := range list {
		b.expect(fmt.Sprint("inside ", options), in[probes[i]], a.inside)
	}
}

func (b *box) expect(where string, a answer, want string) {
	b.t.Helper()
	if a.Probe == "" {
		b.t.Errorf("%s: no answer, want %s", where, want)
		return
	}
	got := a.Err
	if got == "" {
		got = "ok"
	}
	if !slices.Contains(strings.Fields(want), got) {
		b.t.Errorf("%s, %q answers %s %q, want %s", where, a.Probe, got, a.Out, want)
	}
}

// fails checks an error of lichen's own: one line, a hint at most, status 125,
// nothing on standard output, and the parts that the message must have.
func (b *box) fails(o output, code int, parts ...string) {
	b.t.Helper()
	if o.code != code {
		b.t.Errorf("status %d, want %d: %s", o.code, code, o.stderr)
	}
	if o.stdout != "" {
		b.t.Errorf("stdout: %q", o.stdout)
	}
	lines := strings.Split(strings.TrimSuffix(o.stderr, "\n"), "\n")
	if len(lines) > 2 || !strings.HasPrefix(lines[0], "lichen: ") || len(lines) == 2 && !strings.HasPrefix(lines[1], "hint: ") {
		b.t.Errorf("not one line and a hint: %q", o.stderr)
	}
	for _, p := range parts {
		if !strings.Contains(o.stderr, p) {
			b.t.Errorf("%q lacks %q", o.stderr, p)
		}
	}
}
