package bwrap

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse: no arguments and no list make the parser panic, and what it
// accepts holds what the rest of lichen relies on.
func FuzzParse(f *testing.F) {
	seeds := []string{
		nul("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--", "true"),
		nul("--args", "3", "true"), nul("--perms", "0700", "--size", "4096", "--tmpfs", "/t", "x"),
		nul("--overlay-src", "a", "--overlay-src", "b", "--ro-overlay", "c", "x"),
		nul("--unshare-all", "--uid", "0", "--cap-add", "ALL", "--seccomp", "4", "x"),
		nul("--setenv", "A", "b", "--clearenv", "--chdir", "/", "--bind-try", "a", "b", "x"),
	}
	for i := range options {
		seeds = append(seeds, nul(append([]string{"--" + options[i].name}, strings.Fields(strings.Repeat("7 ", options[i].args)+"x")...)...))
	}
	for _, s := range seeds {
		f.Add(s, s, true)
		f.Add(nul("--args", "3", "x"), s, false)
	}
	f.Fuzz(func(t *testing.T, args, list string, root bool) {
		words := strings.Split(strings.TrimSuffix(args, "\x00"), "\x00")
		c, err := Parse(words, Options{Root: root, Labels: root, ReadArgs: lists(map[int]string{3: list})})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Text == "" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if c.Action != ActionRun {
			return
		}
		if len(c.Command) == 0 || len(c.Command) > len(words) {
			t.Fatalf("command %q of %q", c.Command, words)
		}
		if !root && c.UserNS == NoFD && !c.Unshare.User {
			t.Fatal("a user without a user namespace")
		}
		checkOps(t, c)
		if text := c.Profile(ProfileOptions{Dir: "/d"}); !strings.Contains(text, "version = 1\n") {
			t.Fatalf("profile %q", text)
		}
	})
}

func checkOps(t *testing.T, c *Config) {
	t.Helper()
	for _, op := range c.Ops {
		if op.Perms != nil && *op.Perms > 0o7777 || op.Size > maxTmpfs || op.FD < NoFD {
			t.Fatalf("%+v", op)
		}
		if overlay := op.Kind >= OpOverlay; overlay != (len(op.Lower) > 0) {
			t.Fatalf("%+v", op)
		}
		if find("--"+op.Option) == nil {
			t.Fatalf("%+v", op)
		}
	}
}
