package test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBadProfiles protects who writes a profile: every mistake is one line with
// the file and the line it is on, and nothing starts.
func TestBadProfiles(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.outside+"/plain", "x")
		b.check(unix.Mkfifo(b.outside+"/fifo", 0o666))
		l, err := net.Listen("unix", b.outside+"/socket")
		b.check(err)
		defer l.Close()
		secret := b.file(b.outside+"/unreadable", "x")
		b.check(os.Chmod(secret, 0))
		before := b.treeOf(b.outside)
		const ext = "extends = ['base']\n"
		for _, c := range []struct {
			text string
			line int
			part string
		}{
			{"extend = ['base']", 2, "extends"},
			{ext + "[proces]\ncwd = '/'", 3, "proces"},
			{ext + "[process]\ncwdd = '/'", 4, "cwd"},
			{ext + "[fs]\nro = [\n'/usr',\n'${HOMME}/x']", 6, "HOMME"},
			{"extends = ['bsae']", 2, "base"},
			{"extends = ['./none.toml']", 2, "none.toml"},
			{ext + "[seccomp]\nallow = ['ptracee']", 4, "ptrace"},
			{ext + "[seccomp]\nallow = ['@mnt']", 4, "@mnt"},
			{ext + "[seccomp]\ndefault = 'errno:EPERMM'", 4, "EPERMM"},
			{ext + "[seccomp]\ndefault = 'nonsense'", 4, "nonsense"},
			{ext + "[seccomp]\nrules = ['ioctl: arg9 == 1']", 4, "arg9"},
			{ext + "[seccomp]\nrules = ['ioctl arg1']", 4, ""},
			{ext + "[fs]\ntmpfs = ['/t:size=12Q']", 4, "12Q"},
			{ext + "[fs]\ntmpfs = ['/t:size=0']", 4, "size"},
			{ext + "[fs]\ntmpfs = ['/t:size=99999999999999999999']", 4, "size"},
			{ext + "[fs]\ntmpfs = ['/t:mode=999']", 4, "mode"},
			{ext + "[fs]\ntmpfs = ['/t:mode=77777']", 4, "mode"},
			{ext + "[process]\numask = '9'", 4, "umask"},
			{ext + "[process]\nuid = -1", 4, "uid"},
			{ext + "[process]\nuid = 99999999999", 4, "uid"},
			{ext + "[process]\ntimeout = '5 parsecs'", 4, "timeout"},
			{ext + "[process]\ntimeout = '-5s'", 4, "timeout"},
			{ext + "[process]\ncwd = 'relative'", 4, "cwd"},
			{ext + "[process]\ncwd = '/a/../b'", 4, "cwd"},
			{ext + "[process]\nhostname = 'a b'", 4, "hostname"},
			{ext + "[process]\nhostname = '" + strings.Repeat("x", 65) + "'", 4, "hostname"},
			{ext + "[process]\nkeep_fds = [2]", 4, "2"},
			{ext + "[process]\nkeep_fds = [99999999999]", 4, ""},
			{ext + "[fs]\nro = ['relative']", 4, "relative"},
			{ext + "[fs]\nro = ['/usr/../etc']", 4, ".."},
			{ext + "[fs]\nro = ['/usr:relative']", 4, "relative"},
			{ext + "[fs]\nro = [\"/a\\u0000b\"]", 4, "NUL"},
			{ext + "[env.set]\nA = \"a\\u0000b\"", 4, "NUL"},
			{ext + "[env]\nset = { 'A=B' = 'x' }", 4, "A=B"},
			{ext + "[fs]\nro = ['O/missing']", 4, "O/missing"},
			{ext + "[fs]\nro = ['O/socket']", 4, "socket"},
			{ext + "[fs]\nro = ['O/fifo']", 4, "fifo"},
			{ext + "[fs]\nro = ['O/plain/below']", 4, "O/plain/below"},
			{ext + "[fs]\nro = ['O:/etc/hostname']", 4, "/etc/hostname"},
			{ext + "[fs]\nro = ['O/plain:/x', 'O/plain:/x/y']", 4, "/x"},
			{ext + "[fs]\nro = ['O/plain:/x', 'O/socket?:/x']", 4, ""},
			{ext + "[fs]\nro = '/usr'", 4, "fs.ro"},
			{ext + "[fs]\nro = [5]", 4, ""},
			{ext + "[limits]\nnofile = -1", 4, "nofile"},
			{ext + "[limits]\nnofile = '99999999999999999999'", 4, "nofile"},
			{ext + "[limits]\nnofiles = 1", 4, "nofile"},
			{ext + "[limits]\nnofile = '20:10'", 4, "nofile"},
			{ext + "[network]\nmode = 'nat'", 4, "nat"},
			{ext + "[landlock]\ntcp_bind = [70000]", 4, "70000"},
			{ext + "[[mount]]\ntype = 'blind'\ntarget = '/x'", 4, "bind"},
			{ext + "[[mount]]\ntarget = '/x'", 3, "type"},
			{ext + "[[mount]]\ntype = 'bind'\ntarget = '/x'", 3, "source"},
			{ext + "[[mount]]\ntype = 'overlay'\ntarget = '/x'\nlower = []", 3, "lower"},
			{ext + "[[mount]]\ntype = 'tmpfs'\ntarget = '/x'\noptions = ['nosuch']", 6, "nosuch"},
			{ext + "[process]\ncwd = '/'\ncwd = '/tmp'", 5, "cwd"},
			{ext + "x = \n", 3, ""},
			{ext + "version = 2", 3, "version"},
		} {
			text := strings.ReplaceAll("version = 1\n"+c.text+"\n", "O/", b.outside+"/")
			text = strings.ReplaceAll(text, "'O:", "'"+b.outside+":")
			p := b.profile(text)
			o := b.lichen("run", "-p", p, "--", "true")
			where := fmt.Sprintf("(%s:%d)", p, c.line)
			part := strings.ReplaceAll(c.part, "O/", b.outside+"/")
			if o.code != 125 || !strings.Contains(o.stderr, where) || !strings.Contains(o.stderr, part) {
				t.Errorf("%q: status %d, %q lacks %q or %q", c.text, o.code, o.stderr, where, part)
				continue
			}
			b.fails(o, 125)
		}
		if b.user.uid != 0 {
			p := b.profile("version = 1\n" + ext + "[fs]\nro = ['" + secret + "']\n")
			b.fails(b.lichen("run", "-p", p, "--", "true"), 125, secret, "profile.toml:4")
		}
		if after := b.treeOf(b.outside); after != before {
			t.Errorf("files changed:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// TestBadProfileFiles protects against what is no profile at all.
func TestBadProfileFiles(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		fifo := b.dir + "/fifo.toml"
		b.check(unix.Mkfifo(fifo, 0o600))
		b.check(os.Chown(fifo, b.user.uid, b.user.uid))
		big := b.file(b.dir+"/big.toml", "")
		b.check(os.Truncate(big, 100<<20))
		open := b.file(b.dir+"/open.toml", "version = 1\n")
		b.check(os.Chmod(open, 0o666))
		hidden := b.file(b.dir+"/hidden.toml", "version = 1\n")
		b.check(os.Chmod(hidden, 0))
		for path, part := range map[string]string{
			b.work: "directory", fifo: "fifo", big: "large", open: "chmod", "/dev/zero": "device", "/dev/stdin": "",
			b.file(b.dir+"/latin.toml", "description = \"\xff\xfe\"\n"):     "latin.toml:1",
			b.file(b.dir+"/nul.toml", "a\x00b = 1\n"):                       "nul.toml:1",
			b.file(b.dir+"/cr.toml", "version = 1\rversion = 2"):            "cr.toml:1",
			b.file(b.dir+"/deep.toml", "a = "+strings.Repeat("[", 100_000)): "deep.toml",
			b.dir + "/missing.toml":                                         "no such file",
			"nonsuch":                                                       "nonsuch",
			"../../etc/passwd":                                              "",
			"a b":                                                           "",
			"":                                                              "",
		} {
			args := lichenArgs("run", "--profile="+path, "--", "true")
			if path == "" {
				args = lichenArgs("run", "-p", "", "--", "true")
				if o := b.do(command{args: args}); o.code != 125 && o.code != 0 {
					t.Errorf("an empty name: %+v", o)
				}
				continue
			}
			b.fails(b.do(command{args: args}), 125, part)
		}
		if b.user.uid != 0 {
			b.fails(b.lichen("run", "-p", hidden, "--", "true"), 125, "permission denied")
		}
		b.file(b.dir+"/a.toml", "version = 1\nextends = ['./b.toml']\n")
		b.file(b.dir+"/b.toml", "version = 1\nextends = ['./c.toml']\n")
		b.file(b.dir+"/c.toml", "version = 1\nextends = ['./a.toml']\n")
		b.fails(b.lichen("run", "-p", b.dir+"/a.toml", "--", "true"), 125, "a.toml", "extends itself", ":2)")
		for i := range 40 {
			b.file(fmt.Sprintf("%s/chain%d.toml", b.dir, i), fmt.Sprintf("version = 1\nextends = ['./chain%d.toml']\n", i+1))
		}
		b.fails(b.lichen("run", "-p", b.dir+"/chain0.toml", "--", "true"), 125, "too long")
	})
}

// TestBadOptions protects the command line in the same way.
func TestBadOptions(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		long := strings.Repeat("x", 5000)
		for _, args := range [][]string{
			{"--ro", ""}, {"--ro", "/nonexistent"}, {"--ro", "/usr/../etc"}, {"--ro", "a/../b"}, {"--ro", "/etc:relative/../x"},
			{"--rw", "/proc/1/root"}, {"--tmpfs", "/t:size=x"}, {"--tmpfs", "/t:size=99999999999T"}, {"--hide", "/usr/nonexistent"},
			{"--env", "=x"}, {"--env", ""}, {"--env", "A["}, {"--net", "nat"}, {"--cwd", "/nonexistent"}, {"--cwd", "/etc/hostname"}, {"--cwd", "/proc/self/fd/0"},
			{"--cwd", "/proc/self/cwd"}, {"--cwd", "/proc/1/root"}, {"--timeout", "x"}, {"--timeout", "99999999999999h"}, {"--limit", "nofile"}, {"--limit", "x=1"}, {"--limit", "nofile=999999999999"},
			{"--hostname", long}, {"--umask", "8"}, {"--status-fd", "x"}, {"--status-fd", "-1"}, {"--seccomp-allow", "nope"}, {"--seccomp-deny", "@nope"},
			{"--isolation", "vm"}, {"--bind-list", "/nonexistent"}, {"--bind-list", "fd:99"}, {"--bind-list", "fd:x"}, {"--ro", "/" + long}, {"--ro", "/etc/hosts:/" + long},
			{"--image", "debian"}, {"--remove", "nonsense"}, {"--noexec", "/nonexistent"}, {"--profile"}, {"--new-session=maybe"},
			{"--ro", "/etc/hosts:/usr/nonexistent/x"}, {"--ro", "/usr:/dev/null/x"}, {"--ro", "/usr:/proc/x"},
			{"--ro", "/etc/hosts:/x\n(forged:1)\nhint: forged"}, {"--ro", "/\x1b[2Jx"},
		} {
			o := b.lichen(append(append([]string{"run"}, args...), "--", "true")...)
			if o.code != 125 {
				t.Errorf("%q: %+v", args, o)
				continue
			}
			b.fails(o, 125)
			if strings.ContainsAny(o.stderr, "\x1b") || strings.Contains(o.stderr, "\nhint: forged") {
				t.Errorf("%q: unprintable: %q", args, o.stderr)
			}
		}
	})
}

// TestBindListInput protects the reader of long lists.
func TestBindListInput(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, c := range []struct {
			data string
			code int
		}{
			{"", 0}, {"/etc/hosts:/x", 0}, {"/etc/hosts:/x\x00", 0}, {"/etc/hosts:/x\x00\x00", 125}, {"\x00/x", 125}, {"/none?\x00", 0}, {"/none\x00", 125},
			{strings.Repeat("/"+strings.Repeat("y", 4000)+"\x00", 5000), 125},
		} {
			o := b.lichen("run", "--bind-list", b.file(b.dir+"/list", c.data), "--", "true")
			if o.code != c.code {
				t.Errorf("%.40q: status %d, want %d: %s", c.data, o.code, c.code, o.stderr)
			}
		}
		f, err := os.Open(b.file(b.dir+"/list", "/etc/hosts:/x/hosts\x00"))
		b.check(err)
		defer f.Close()
		o := b.do(command{args: probeArgs([]string{"--bind-list", "fd:3"}, "exists /x/hosts", "fds"), extra: []*os.File{f}})
		in := parseAnswers(t, o.stdout)
		b.expect("inside", in["exists /x/hosts"], "ok")
		if in["fds"].Out != "0 1 2" {
			t.Errorf("the list's descriptor is inherited: %q", in["fds"].Out)
		}
	})
}
