package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jessevdk/go-flags"
)

func completionScript(t *testing.T, shell string) string {
	t.Helper()
	code, out, errs := dispatched("completion " + shell)
	if code != 0 {
		t.Fatalf("%s: %d, %s", shell, code, errs)
	}
	return out
}

func TestCompletionHasEveryOption(t *testing.T) {
	bash, zsh, fish := completionScript(t, "bash"), completionScript(t, "zsh"), completionScript(t, "fish")
	eachOption(t, func(c command, o *flags.Option) {
		long := "--" + o.LongName
		if !mentions(bash, long) || !mentions(zsh, long) || !mentions(fish, "seen_subcommand_from "+c.name+"' -l "+o.LongName) {
			t.Errorf("%s of %s is missing in a completion", long, c.name)
		}
	})
	for _, c := range commands() {
		if !strings.Contains(zsh, "'"+c.name+":") || !strings.Contains(fish, "-a "+c.name) || !strings.Contains(bash, "\t"+c.name+")") {
			t.Errorf("%s is missing in a completion", c.name)
		}
	}
}

// TestCompletionParses has each shell that is installed read its script.
func TestCompletionParses(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed", shell)
			continue
		}
		file := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(file, []byte(completionScript(t, shell)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(path, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		skip(t, "bash is not installed")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "some file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const fake = "lichen() { printf '%s\\n' base build; }\n"
	const ask = `COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _lichen; printf '%s\n' "${COMPREPLY[@]}"`
	script := fake + completionScript(t, "bash") + ask
	tests := []struct {
		line []string
		want string // among the answers; "" for no answer
	}{
		{[]string{"r"}, "run"},
		{[]string{"--v"}, "--version"},
		{[]string{"run", "--new"}, "--new-session"},
		{[]string{"run", "-p", "bu"}, "build"},
		{[]string{"run", "--profile", "=", "bu"}, "build"},
		{[]string{"run", "--net", "h"}, "host"},
		{[]string{"run", "--net", "="}, "none"},
		{[]string{"run", "--ro", "some"}, "some file"},
		{[]string{"run", "--hostname", "some"}, ""},
		{[]string{"run", "--", "ls", "some"}, "some file"},
		{[]string{"run", "--", "ls", "--new"}, ""},
		{[]string{"run", "prin"}, "printf"},
		{[]string{"profile", ""}, "list"},
		{[]string{"profile", "show", "ba"}, "base"},
		{[]string{"check", "ba"}, "base"},
		{[]string{"completion", "z"}, "zsh"},
		{[]string{"exec", "bu"}, "build"}, // what the fake lists
		{[]string{"kill", "--signal", "K"}, "KILL"},
		{[]string{"doctor", "--j"}, "--json"},
		{[]string{"seccomp", "exp"}, "export"},
		{[]string{"seccomp", "show", "bu"}, "build"},
		{[]string{"seccomp", "export", "--format", "o"}, "oci"},
		{[]string{"seccomp", "import", "--dialect", "minijail-p"}, "minijail-python"},
	}
	for _, tt := range tests {
		cmd := exec.Command(bash, append([]string{"--norc", "-c", script, "bash", "lichen"}, tt.line...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		answers := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || !slices.Contains(answers, tt.want) {
			t.Errorf("%q: %q, %v; want %q", tt.line, answers, err, tt.want)
		}
	}
}
