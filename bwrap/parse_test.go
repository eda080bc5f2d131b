package bwrap

import (
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// lists serves argument lists from memory. Each can be read once, like a
// descriptor that is closed after reading.
func lists(byFD map[int]string) func(int) (io.ReadCloser, error) {
	return func(fd int) (io.ReadCloser, error) {
		s, ok := byFD[fd]
		if !ok {
			return nil, &os.PathError{Op: "read", Path: "fd", Err: syscall.EBADF}
		}
		delete(byFD, fd)
		return io.NopCloser(strings.NewReader(s)), nil
	}
}

func nul(words ...string) string { return strings.Join(words, "\x00") + "\x00" }

func ptr[T any](v T) *T { return &v }

// base is what "true" alone gives an ordinary user.
func base() Config {
	return Config{UserNS: NoFD, UserNS2: NoFD, PIDNS: NoFD, SyncFD: NoFD, BlockFD: NoFD, UsernsBlockFD: NoFD,
		InfoFD: NoFD, StatusFD: NoFD, Unshare: Unshare{User: true}, Command: []string{"true"}}
}

func TestEveryOption(t *testing.T) {
	ops := func(ops ...Op) func(*Config) { return func(c *Config) { c.Ops = ops } }
	tests := []struct {
		args string
		want func(*Config)
	}{
		{"", func(*Config) {}},
		{"--", func(*Config) {}},
		{"--argv0 a", func(c *Config) { c.Argv0 = ptr("a") }},
		{"--level-prefix", func(c *Config) { c.LevelPrefix = true }},
		{"--unshare-all", func(c *Config) {
			c.Unshare = Unshare{User: true, UserTry: true, IPC: true, PID: true, Net: true, UTS: true, CgroupTry: true}
		}},
		{"--unshare-all --share-net", func(c *Config) {
			c.Unshare = Unshare{User: true, UserTry: true, IPC: true, PID: true, UTS: true, CgroupTry: true}
		}},
		{"--share-net --unshare-net", func(c *Config) { c.Unshare.Net = true }},
		{"--unshare-user", func(*Config) {}},
		{"--unshare-user-try", func(c *Config) { c.Unshare.UserTry = true }},
		{"--unshare-ipc", func(c *Config) { c.Unshare.IPC = true }},
		{"--unshare-pid", func(c *Config) { c.Unshare.PID = true }},
		{"--unshare-net", func(c *Config) { c.Unshare.Net = true }},
		{"--unshare-uts", func(c *Config) { c.Unshare.UTS = true }},
		{"--unshare-cgroup", func(c *Config) { c.Unshare.Cgroup = true }},
		{"--unshare-cgroup-try", func(c *Config) { c.Unshare.CgroupTry = true }},
		{"--userns 0", func(c *Config) { c.UserNS = 0; c.Unshare.User = false }},
		{"--userns2 4", func(c *Config) { c.UserNS2 = 4 }},
		{"--pidns 4", func(c *Config) { c.PIDNS = 4 }},
		{"--unshare-user --disable-userns", func(c *Config) { c.DisableUserns = true }},
		{"--assert-userns-disabled", func(c *Config) { c.AssertUsernsDisabled = true }},
		{"--uid 0 --gid 2147483647", func(c *Config) { c.UID = ptr(uint32(0)); c.GID = ptr(uint32(2147483647)) }},
		{"--uid 010", func(c *Config) { c.UID = ptr(uint32(10)) }},
		{"--unshare-uts --hostname h", func(c *Config) { c.Unshare.UTS = true; c.Hostname = ptr("h") }},
		{"--chdir d", func(c *Config) { c.Chdir = ptr("d") }},
		{"--setenv A 1 --unsetenv B --clearenv", func(c *Config) {
			c.Env = []EnvOp{{EnvSet, "A", "1"}, {EnvUnset, "B", ""}, {EnvClear, "", ""}}
		}},
		{"--lock-file a --lock-file b", func(c *Config) { c.LockFiles = []string{"a", "b"} }},
		{"--sync-fd 5", func(c *Config) { c.SyncFD = 5 }},
		{"--block-fd +5", func(c *Config) { c.BlockFD = 5 }},
		{"--unshare-user --info-fd 6 --userns-block-fd 5", func(c *Config) { c.InfoFD = 6; c.UsernsBlockFD = 5 }},
		{"--info-fd 5", func(c *Config) { c.InfoFD = 5 }},
		{"--json-status-fd 2147483647", func(c *Config) { c.StatusFD = 2147483647 }},
		{"--seccomp 5", func(c *Config) { c.SeccompFDs = []int{5} }},
		{"--add-seccomp-fd 5 --add-seccomp-fd 6", func(c *Config) { c.SeccompFDs = []int{5, 6} }},
		{"--new-session", func(c *Config) { c.NewSession = true }},
		{"--die-with-parent", func(c *Config) { c.DieWithParent = true }},
		{"--unshare-pid --as-pid-1", func(c *Config) { c.Unshare.PID = true; c.AsPID1 = true }},
		{"--cap-add CAP_KILL --cap-drop all --cap-add cap_bpf --cap-add 0x15 --cap-drop 021", func(c *Config) {
			c.Caps = []CapOp{{Cap: 5}, {Drop: true, All: true}, {Cap: 39}, {Cap: 21}, {Drop: true, Cap: 17}}
		}},
		{"--exec-label x --file-label y", func(c *Config) { c.ExecLabel = ptr("x"); c.FileLabel = ptr("y") }},

		{"--bind a b", ops(Op{Option: "bind", Source: "a", Dest: "b", FD: NoFD})},
		{"--bind-try a b", ops(Op{Option: "bind-try", Source: "a", Dest: "b", FD: NoFD, Try: true})},
		{"--dev-bind a b", ops(Op{Option: "dev-bind", Source: "a", Dest: "b", FD: NoFD, Dev: true})},
		{"--dev-bind-try a b", ops(Op{Option: "dev-bind-try", Source: "a", Dest: "b", FD: NoFD, Dev: true, Try: true})},
		{"--ro-bind a b", ops(Op{Option: "ro-bind", Source: "a", Dest: "b", FD: NoFD, ReadOnly: true})},
		{"--ro-bind-try a b", ops(Op{Option: "ro-bind-try", Source: "a", Dest: "b", FD: NoFD, ReadOnly: true, Try: true})},
		{"--bind-fd 0 b", ops(Op{Option: "bind-fd", Dest: "b", FD: 0})},
		{"--ro-bind-fd 4 b", ops(Op{Option: "ro-bind-fd", Dest: "b", FD: 4, ReadOnly: true})},
		{"--remount-ro b", ops(Op{Kind: OpRemountRO, Option: "remount-ro", Dest: "b", FD: NoFD})},
		{"--overlay-src a --overlay-src b --overlay u w d", ops(Op{Kind: OpOverlay, Option: "overlay", Dest: "d", FD: NoFD, Lower: []string{"a", "b"}, Upper: "u", Work: "w"})},
		{"--overlay-src a --tmp-overlay d", ops(Op{Kind: OpTmpOverlay, Option: "tmp-overlay", Dest: "d", FD: NoFD, Lower: []string{"a"}})},
		{"--overlay-src a --overlay-src b --ro-overlay d", ops(Op{Kind: OpROOverlay, Option: "ro-overlay", Dest: "d", FD: NoFD, Lower: []string{"a", "b"}})},
		{"--proc p", ops(Op{Kind: OpProc, Option: "proc", Dest: "p", FD: NoFD})},
		{"--dev d", ops(Op{Kind: OpDev, Option: "dev", Dest: "d", FD: NoFD})},
		{"--mqueue d", ops(Op{Kind: OpMqueue, Option: "mqueue", Dest: "d", FD: NoFD})},
		{"--tmpfs d", ops(Op{Kind: OpTmpfs, Option: "tmpfs", Dest: "d", FD: NoFD})},
		{"--size 0x10 --perms 1777 --tmpfs d --tmpfs e", ops(
			Op{Kind: OpTmpfs, Option: "tmpfs", Dest: "d", FD: NoFD, Size: 16, Perms: ptr(uint32(0o1777))},
			Op{Kind: OpTmpfs, Option: "tmpfs", Dest: "e", FD: NoFD})},
		{"--perms 0 --dir d", ops(Op{Kind: OpDir, Option: "dir", Dest: "d", FD: NoFD, Perms: ptr(uint32(0))})},
		{"--perms 4 --file 5 d", ops(Op{Kind: OpFile, Option: "file", Dest: "d", FD: 5, Perms: ptr(uint32(4))})},
		{"--perms 4 --bind-data 5 d", ops(Op{Kind: OpBindData, Option: "bind-data", Dest: "d", FD: 5, Perms: ptr(uint32(4))})},
		{"--ro-bind-data 5 d", ops(Op{Kind: OpBindData, Option: "ro-bind-data", Dest: "d", FD: 5, ReadOnly: true})},
		{"--symlink a d", ops(Op{Kind: OpSymlink, Option: "symlink", Source: "a", Dest: "d", FD: NoFD})},
		{"--chmod 7777 d", ops(Op{Kind: OpChmod, Option: "chmod", Dest: "d", FD: NoFD, Perms: ptr(uint32(0o7777))})},
		{"--dir -- --dir --help", ops(Op{Kind: OpDir, Option: "dir", Dest: "--", FD: NoFD}, Op{Kind: OpDir, Option: "dir", Dest: "--help", FD: NoFD})},
	}
	used := map[string]bool{"help": true, "version": true, "args": true} // see the tests below
	for _, tt := range tests {
		args := strings.Fields(tt.args)
		for _, a := range args {
			if o := find(a); o != nil {
				used[o.name] = true
			}
		}
		want := base()
		tt.want(&want)
		got, err := Parse(append(args, "true"), Options{Labels: true})
		if err != nil {
			t.Errorf("%s: %v", tt.args, err)
		} else if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.args, *got, want)
		}
	}
	for i := range options {
		if !used[options[i].name] {
			t.Errorf("no test of --%s", options[i].name)
		}
	}
}

func TestLastOneCounts(t *testing.T) {
	for _, name := range []string{"chdir", "sync-fd", "block-fd", "info-fd", "json-status-fd", "seccomp", "userns", "userns2",
		"pidns", "uid", "gid", "hostname", "exec-label", "file-label"} {
		c, err := Parse([]string{"--unshare-uts", "--" + name, "7", "--level-prefix", "--" + name, "8", "true"}, Options{Labels: true})
		if err != nil {
			t.Errorf("--%s: %v", name, err)
			continue
		}
		if want := []string{"<4>bwrap: Only the last --" + name + " option will take effect\n"}; !slices.Equal(c.Warnings, want) {
			t.Errorf("--%s: warnings %q, want %q", name, c.Warnings, want)
		}
		one, err := Parse([]string{"--unshare-uts", "--" + name, "8", "--level-prefix", "true"}, Options{Labels: true})
		c.Warnings = nil
		if err != nil || !reflect.DeepEqual(c, one) {
			t.Errorf("--%s twice: %+v, want %+v", name, c, one)
		}
	}
}

func TestArgumentLists(t *testing.T) {
	fds := map[int]string{
		3: nul("--dir", "a", "--", "sh", "-c", "true"),
		4: "--setenv\x00A\x00b", // without the last NUL
		5: "",
		6: "\x00",
		7: nul("word"),
		8: nul("--dir", "p"),
	}
	c, err := Parse(strings.Fields("--args 3 --args 4 --args 5 --args 6 --args 7 --perms 700 --args 8 -- cmd"), Options{ReadArgs: lists(fds)})
	if err != nil {
		t.Fatal(err)
	}
	want := base()
	want.Ops = []Op{{Kind: OpDir, Option: "dir", Dest: "a", FD: NoFD}, {Kind: OpDir, Option: "dir", Dest: "p", FD: NoFD, Perms: ptr(uint32(0o700))}}
	want.Env, want.Command, want.ArgFDs = []EnvOp{{EnvSet, "A", "b"}}, []string{"cmd"}, []int{3, 4, 5, 6, 7, 8}
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got  %+v\nwant %+v", *c, want)
	}
	c, err = Parse([]string{"--args", "3", "--nosuch"}, Options{ReadArgs: lists(map[int]string{3: nul("--help")})})
	if err != nil || c.Action != ActionHelp {
		t.Errorf("--help in a list: %+v, %v", c, err)
	}
}

func TestMaxArgs(t *testing.T) {
	many := func(n int) []string { return slices.Repeat([]string{"--unshare-pid"}, n) }
	tests := []struct {
		direct, inList int
		ok             bool
	}{{MaxArgs - 1, 0, true}, {MaxArgs, 0, false}, {0, MaxArgs - 3, true}, {0, MaxArgs - 2, false}}
	for _, tt := range tests {
		args := many(tt.direct)
		if tt.inList > 0 {
			args = append(args, "--args", "3")
		}
		_, err := Parse(append(args, "true"), Options{ReadArgs: lists(map[int]string{3: nul(many(tt.inList)...)})})
		if (err == nil) != tt.ok || err != nil && err.Error() != "Exceeded maximum number of arguments 9000" {
			t.Errorf("%d arguments and %d in a list: %v", tt.direct, tt.inList, err)
		}
	}
}

type endless struct{ n *int }

func (e endless) Read(b []byte) (int, error) { *e.n += len(b); return len(b), nil }
func (endless) Close() error                 { return nil }

// TestEndlessList: a list has a bound, whatever comes out of a descriptor.
func TestEndlessList(t *testing.T) {
	n := 0
	_, err := Parse([]string{"--args", "3"}, Options{ReadArgs: func(int) (io.ReadCloser, error) { return endless{&n}, nil }})
	if err == nil || !errors.Is(err, syscall.E2BIG) || err.Error() != "Can't read --args data: Argument list too long" {
		t.Errorf("got %v", err)
	}
	if n > 2*MaxArgBytes {
		t.Errorf("read %d bytes", n)
	}
}

func TestActions(t *testing.T) {
	for args, want := range map[string]Action{"--help --nosuch": ActionHelp, "--version": ActionVersion, "--perms 1 --version": ActionVersion} {
		if c, err := Parse(strings.Fields(args), Options{}); err != nil || c.Action != want {
			t.Errorf("%s: %+v, %v", args, c, err)
		}
	}
	usage := Usage("bwrap")
	for i := range options {
		if o := &options[i]; !strings.Contains(usage, "\n    --"+strings.TrimSpace(o.name+" "+o.meta)) || o.help == "" {
			t.Errorf("the usage lacks --%s", o.name)
		}
		if n := len(strings.Fields(options[i].meta)); n != options[i].args {
			t.Errorf("--%s takes %d arguments and names %d", options[i].name, options[i].args, n)
		}
	}
	if first, _, _ := strings.Cut(usage, "\n"); first != "usage: bwrap [OPTIONS...] [--] COMMAND [ARGS...]" {
		t.Errorf("usage begins with %q", first)
	}
}

func TestEffective(t *testing.T) {
	const all = uint64(1)<<41 - 1
	for args, want := range map[string]uint64{
		"":                                  0,
		"--cap-add ALL":                     all,
		"--cap-add ALL --cap-drop CAP_KILL": all &^ (1 << 5),
		"--cap-drop ALL --cap-add CAP_KILL": 1 << 5,
	} {
		c, err := Parse(append(strings.Fields(args), "true"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, asked := Effective(0, all, c.Caps); got != want || asked != (args != "") {
			t.Errorf("%s: %#x %t, want %#x", args, got, asked, want)
		}
	}
	for i := range capNames {
		op, err := parseCap(strings.ToLower(CapName(uint8(i))))
		if err != nil || int(op.Cap) != i {
			t.Errorf("%s: %+v, %v", CapName(uint8(i)), op, err)
		}
		if op, err := parseCap(strconv.Itoa(i)); err != nil || int(op.Cap) != i {
			t.Errorf("%d: %+v, %v", i, op, err)
		}
	}
}
