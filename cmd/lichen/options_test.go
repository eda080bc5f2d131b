package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/jessevdk/go-flags"
)

// eachOption calls f for every option of every command.
func eachOption(t *testing.T, f func(c command, o *flags.Option)) {
	t.Helper()
	for _, c := range commands() {
		p, err := newParser(c.name, c.options(), 0)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, o := range optionsOf(p) {
			f(c, o)
		}
	}
}

func TestOptionTable(t *testing.T) {
	eachOption(t, func(c command, o *flags.Option) {
		tag := o.Field().Tag
		takesValue := o.Field().Type.Kind() != reflect.Bool
		switch {
		case o.LongName == "" || o.Description == "":
			t.Errorf("%s: option %v lacks a name or a description", c.name, o)
		case takesValue && (o.ValueName == "" || tag.Get("unquote") != "false"):
			t.Errorf("%s --%s: its value has no name, or is unquoted", c.name, o.LongName)
		case !takesValue && tag.Get("complete") != "":
			t.Errorf("%s --%s: a flag has no value to complete", c.name, o.LongName)
		}
	})
}

func TestOptionsInManPage(t *testing.T) {
	page, err := os.ReadFile("../../doc/lichen.1")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(page), `\-`, "-")
	eachOption(t, func(c command, o *flags.Option) {
		if !mentions(text, "--"+o.LongName) && !mentions(text, "Fl -"+o.LongName) {
			t.Errorf("doc/lichen.1 lacks --%s of lichen %s", o.LongName, c.name)
		}
	})
}

// mentions reports whether word is in text, and not only as the beginning of
// a longer option.
func mentions(text, word string) bool {
	for {
		_, after, ok := strings.Cut(text, word)
		if !ok {
			return false
		}
		if after == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz-", rune(after[0])) {
			return true
		}
		text = after
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		args string
		rest string
		want func(o *sandboxOptions) bool
	}{
		{"ls -l", "ls -l", nil},
		{"-- ls -l", "ls -l", nil},
		{"--ro /a --ro=/b ls --ro /c", "ls --ro /c", func(o *sandboxOptions) bool { return len(o.ReadOnly) == 2 }},
		{"--ro /a -- --ro", "--ro", nil},
		{"--ro /a -- -- x", "-- x", nil},
		{"-p x ls", "ls", func(o *sandboxOptions) bool { return o.Profile == "x" }},
		{`--ro "/quoted" ls`, "ls", func(o *sandboxOptions) bool { return o.ReadOnly[0] == `"/quoted"` }},
		{"--env A=b=c --env D ls", "ls", func(o *sandboxOptions) bool { return o.Env[0] == "A=b=c" && o.Env[1] == "D" }},
		{"--keep-fd 3 --keep-fd 4 ls", "ls", func(o *sandboxOptions) bool { return reflect.DeepEqual(o.KeepFDs, []int{3, 4}) }},
		{"--new-session --linger --nested ls", "ls", func(o *sandboxOptions) bool { return o.NewSession && o.Linger && o.Nested }},
		{"--status-fd 0 ls", "ls", func(o *sandboxOptions) bool { return *o.StatusFD == 0 }},
	}
	for _, tt := range tests {
		var o sandboxOptions
		rest, err := parse("run", &o, flags.PassAfterNonOption, strings.Split(tt.args, " "))
		if err != nil || strings.Join(rest, " ") != tt.rest || tt.want != nil && !tt.want(&o) {
			t.Errorf("%s: rest %q, %+v, %v", tt.args, rest, o, err)
		}
	}
}

func TestParseIgnoresEnvironment(t *testing.T) {
	t.Setenv("GO_FLAGS_COMPLETION", "1")
	var o sandboxOptions
	rest, err := parse("run", &o, flags.PassAfterNonOption, []string{"ls"})
	if err != nil || len(rest) != 1 || os.Getenv("GO_FLAGS_COMPLETION") != "1" {
		t.Errorf("%q, %v, %q", rest, err, os.Getenv("GO_FLAGS_COMPLETION"))
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct{ args, want string }{
		{"", "no command is given"},
		{"frob", `there is no command "frob"`},
		{"run --frob ls", "unknown option 'frob'"},
		{"run --keep-fd x ls", "invalid argument"},
		{"run --cwd", "expected argument"},
		{"run --status-fd 2 ls", "descriptor 2: not above 2"},
		{"run --status-fd 999 ls", "descriptor 999: not open"},
		{"run --keep-fd 999 ls", "descriptor 999: it is not open"},
		{"run --image debian --pull never ls", "it is not in the store"},
		{"run --bind-list /nowhere/list ls", "/nowhere/list: no such file"},
		{"run", "no command to run"},
		{"plan --frob", "unknown option"},
		{"check", "no profile is given"},
		{"check nowhere", "nowhere"},
		{"profile", "list, show or from-bwrap?"},
		{"profile from-bwrap", "there is no command"},
		{"profile from-bwrap -- --bind /usr", "--bind takes two arguments"},
		{"profile show", "no profile is given"},
		{"profile list x", `"x" is too much`},
		{"profile show nowhere", "nowhere"},
		{"doctor x", `"x" is too much`},
		{"completion", "one shell"},
		{"completion tcsh", `"tcsh"`},
		{"--version x", "stands alone"},
		{"help run plan", "one command"},
		{"help frob", `"frob"`},
	}
	t.Setenv("HOME", "/home/somebody")
	for _, tt := range tests {
		code, out, errs := dispatched(tt.args)
		if code != exitFailed || out != "" || !strings.HasPrefix(errs, "lichen: ") || !strings.Contains(errs, tt.want) {
			t.Errorf("lichen %s: %d, %q, %q", tt.args, code, out, errs)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"--help", "-h", "help", "help run", "run --help", "plan -h", "check --help", "profile --help", "doctor --help", "seccomp --help", "help seccomp", "completion --help", "--version"} {
		if code, out, errs := dispatched(args); code != 0 || out == "" || errs != "" {
			t.Errorf("lichen %s: %d, %q, %q", args, code, out, errs)
		}
	}
	_, out, _ := dispatched("run --help")
	eachOption(t, func(c command, o *flags.Option) {
		if c.name == "run" && !mentions(out, "--"+o.LongName) {
			t.Errorf("the help of run lacks --%s", o.LongName)
		}
	})
}

// dispatched runs a command line in this process.
func dispatched(args string) (code int, out, errs string) {
	var o, e strings.Builder
	code = dispatch(&ui{out: &o, err: &e}, strings.Fields(args))
	return code, o.String(), e.String()
}
