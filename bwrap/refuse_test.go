package bwrap

import (
	"errors"
	"strings"
	"testing"
)

// TestRefusals has every refusal in bubblewrap's words. test/bwrap compares
// them with the real one.
func TestRefusals(t *testing.T) {
	tests := []struct{ args, want string }{
		{"--nosuch", "Unknown option --nosuch"},
		{"-x", "Unknown option -x"},
		{"-", "Unknown option -"},
		{"---bind", "Unknown option ---bind"},
		{"--unshare-pid=1", "Unknown option --unshare-pid=1"},
		{"--args", "--args takes an argument"},
		{"--args x", "Invalid fd: x"},
		{"--args 9", "Can't read --args data: Bad file descriptor"},
		{"--args 3 --args 3", "Can't read --args data: Bad file descriptor"},
		{"--args 4", "--args not supported in arguments file"},
		{"--args 5", "--args not supported in arguments file"},
		{"--args 6", "--perms must be followed by an option that creates a file"},
		{"--args 7", "--dir takes an argument"},
		{"--argv0 a --argv0 b", "--argv0 used multiple times"},
		{"--argv0 a --argv0", "--argv0 takes one argument"},
		{"--overlay-src", "--overlay-src takes an argument"},
		{"--sync-fd -1", "Invalid fd: -1"},
		{"--sync-fd 2147483648", "Invalid fd: 2147483648"},
		{"--sync-fd 4294967297", "Invalid fd: 4294967297"},
		{"--sync-fd 99999999999999999999", "Invalid fd: 99999999999999999999"},
		{"--sync-fd 0x1", "Invalid fd: 0x1"},
		{"--info-fd 1x", "Invalid fd: 1x"},
		{"--uid -1", "Invalid uid: -1"},
		{"--uid 4294967295", "Invalid uid: 4294967295"},
		{"--uid 4294967294", "Invalid uid: 4294967294"},
		{"--gid 2147483648", "Invalid gid: 2147483648"},
		{"--uid 4294967296", "Invalid uid: 4294967296"},
		{"--gid 18446744073709551616", "Invalid gid: 18446744073709551616"},
		{"--perms 10000", "--perms takes an octal argument <= 07777"},
		{"--perms 8", "--perms takes an octal argument <= 07777"},
		{"--chmod -1 a", "--chmod takes an octal argument <= 07777"},
		{"--chmod 2000000000000000000000 a", "--chmod takes an octal argument <= 07777"},
		{"--size 0", "--size takes a non-zero number of bytes"},
		{"--size 4k", "--size takes a non-zero number of bytes"},
		{"--size 08", "--size takes a non-zero number of bytes"},
		{"--size 0x", "--size takes a non-zero number of bytes"},
		{"--size +1", "--size takes a non-zero number of bytes"},
		{"--size 18446744073709551616", "--size takes a non-zero number of bytes"},
		{"--size 9223372036854775808", "--size (for tmpfs) is limited to 9223372036854775807"},
		{"--size 1 --size x", "--size given twice for the same action"},
		{"--perms 1 --perms x", "--perms given twice for the same action"},
		{"--perms 700 --bind a b", "--perms must be followed by an option that creates a file"},
		{"--perms 700 --symlink a b", "--perms must be followed by an option that creates a file"},
		{"--perms 700 --chmod 1 b", "--perms must be followed by an option that creates a file"},
		{"--perms 700 --setenv A b --dir c", "--perms must be followed by an option that creates a file"},
		{"--perms 700 --overlay-src a", "--perms must be followed by an option that creates a file"},
		{"--perms 700 true", "--perms must be followed by an option that creates a file"},
		{"--size 4096 --dir a", "--size must be followed by --tmpfs"},
		{"--size 4096 --perms 700 --dir a", "--size must be followed by --tmpfs"},
		{"--size 4096 -- true", "--size must be followed by --tmpfs"},
		{"--overlay-src a --dir b", "--overlay-src must be followed by another --overlay-src or one of --overlay, --tmp-overlay, or --ro-overlay"},
		{"--overlay-src a --perms 1 --tmp-overlay b", "--overlay-src must be followed by another --overlay-src or one of --overlay, --tmp-overlay, or --ro-overlay"},
		{"--overlay-src a true", "--overlay-src must be followed by another --overlay-src or one of --overlay, --tmp-overlay, or --ro-overlay"},
		{"--overlay a b c", "--overlay requires at least one --overlay-src"},
		{"--tmp-overlay a", "--tmp-overlay requires at least one --overlay-src"},
		{"--overlay-src a --ro-overlay b", "--ro-overlay requires at least two --overlay-src"},
		{"--setenv A=B c", "setenv failed"},
		{"--unsetenv A=B", "unsetenv failed"},
		{"--cap-add CAP_X", "unknown cap: CAP_X"},
		{"--cap-add kill", "unknown cap: kill"},
		{"--cap-add 41", "unknown cap: 41"},
		{"--cap-add 1x", "unknown cap: 1x"},
		{"--cap-drop cap_kill,", "unknown cap: cap_kill,"},
		{"--exec-label a", "labeling not supported on this system"},
		{"--file-label a", "labeling not supported on this system"},
		{"--seccomp 3 --add-seccomp-fd x", "--add-seccomp-fd cannot be combined with --seccomp"},
		{"--add-seccomp-fd 3 --seccomp 3", "--seccomp cannot be combined with --add-seccomp-fd"},

		{"--userns-block-fd 3", "--userns-block-fd requires --unshare-user"},
		{"--unshare-user --userns 5 --userns-block-fd 3", "--userns-block-fd requires --info-fd"},
		{"--userns 3 --unshare-user --unshare-user-try", "--userns not compatible --unshare-user"},
		{"--userns 3 --unshare-all", "--userns not compatible --unshare-user-try"},
		{"--disable-userns", "--disable-userns requires --unshare-user"},
		{"--unshare-all --disable-userns", "--disable-userns requires --unshare-user"},
		{"--unshare-user --disable-userns --userns-block-fd 3 --info-fd 4", "--disable-userns is not compatible with  --userns-block-fd"},
		{"--hostname a true", "Specifying --hostname requires --unshare-uts"},
		{"--as-pid-1 true", "Specifying --as-pid-1 requires --unshare-pid"},
		{"--unshare-pid --as-pid-1 --lock-file a true", "Specifying --as-pid-1 and --lock-file is not permitted"},
	}
	for _, tt := range tests {
		fds := map[int]string{3: nul("--unshare-pid"), 4: nul("--args"), 5: nul("--args", "3"), 6: nul("--perms", "700"), 7: nul("--dir")}
		_, err := Parse(strings.Fields(tt.args), Options{ReadArgs: lists(fds)})
		var e *Error
		if !errors.As(err, &e) || e.Text != tt.want || e.Usage {
			t.Errorf("%s: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestMissingArguments(t *testing.T) {
	for i := range options {
		o := &options[i]
		for n := range o.args {
			_, err := Parse(append([]string{"--" + o.name}, make([]string, n)...), Options{Labels: true})
			if err == nil || !strings.HasPrefix(err.Error(), "--") || !strings.Contains(err.Error(), " takes ") {
				t.Errorf("--%s with %d arguments: %v", o.name, n, err)
			}
		}
	}
}

func TestRootNeedsANamespaceForIDs(t *testing.T) {
	for args, want := range map[string]string{
		"--uid 5 true":                    "Specifying --uid requires --unshare-user or --userns",
		"--gid 5 true":                    "Specifying --gid requires --unshare-user or --userns",
		"--uid 5 --unshare-user true":     "",
		"--uid 5 --unshare-user-try true": "",
		"--gid 5 --userns 3 true":         "",
	} {
		c, err := Parse(strings.Fields(args), Options{Root: true})
		if got := errText(err); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
		if want == "" && c.Unshare.User != strings.Contains(args, "user ") {
			t.Errorf("%s: %+v", args, c.Unshare)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNoCommand(t *testing.T) {
	for _, args := range []string{"", "--", "--uid 5 --hostname x", "--bind -- a"} {
		_, err := Parse(strings.Fields(args), Options{})
		var e *Error
		if !errors.As(err, &e) || !e.Usage {
			t.Errorf("%q: %v, want the usage", args, err)
		}
	}
	if c, err := Parse([]string{""}, Options{}); err != nil || len(c.Command) != 1 {
		t.Errorf("an empty command: %v", err)
	}
}

func TestMessages(t *testing.T) {
	c, err := Parse([]string{"--level-prefix", "--nosuch"}, Options{})
	if got := c.Message(err.Error()); got != "<3>bwrap: Unknown option --nosuch\n" {
		t.Errorf("with a prefix: %q", got)
	}
	c, err = Parse([]string{"--nosuch", "--level-prefix"}, Options{})
	if got := c.Message(err.Error()); got != "bwrap: Unknown option --nosuch\n" {
		t.Errorf("without: %q", got)
	}
}
