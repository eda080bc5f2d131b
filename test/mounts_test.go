package test

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestMountTypes shows each type of mount, with its bounds.
func TestMountTypes(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		prog := b.work + "/prog"
		data, err := os.ReadFile(binDir + "/probe")
		b.check(err)
		b.check(os.WriteFile(prog, data, 0o755))
		for dir, name := range map[string]string{"low1": "one", "low2": "two", "hidden": "x"} {
			b.mkdir(b.outside + "/" + dir)
			b.file(b.outside+"/"+dir+"/"+name, name)
		}
		b.file(b.outside+"/low2/one", "covered")
		for _, d := range []string{"up", "wd"} {
			b.mkdir(b.outside + "/" + d)
		}
		mount := func(lines ...string) string { return "[[mount]]\n" + strings.Join(lines, "\n") + "\n" }
		p := b.profile("version = 1\nextends = ['base']\n[process]\ncwd = '/tmp'\n[fs]\nro = ['" + b.outside + "/low1:/ro', '" + b.outside + "/hidden:/h', '" + b.work + ":/exec', '/none?']\nrw = ['" + b.ctl + ":/rw']\nnoexec = ['/noexec']\nhide = ['/h/x']\n" +
			mount("type = 'bind'", "source = '"+b.work+"'", "target = '/noexec'", "options = ['noexec']") +
			mount("type = 'tmpfs'", "target = '/t'", "options = ['size=1M', 'mode=0750', 'noexec']") +
			mount("type = 'overlay'", "target = '/o'", "lower = ['"+b.outside+"/low1', '"+b.outside+"/low2']") +
			mount("type = 'overlay'", "target = '/ow'", "lower = ['"+b.outside+"/low1']", "upper = '"+b.outside+"/up'", "work = '"+b.outside+"/wd'", "options = ['rw']") +
			mount("type = 'mqueue'", "target = '/mq'") +
			mount("type = 'devpts'", "target = '/pts'") +
			mount("type = 'symlink'", "source = '../ro/one'", "target = '/d/link'") +
			mount("type = 'dir'", "target = '/d/dir'", "options = ['mode=0700']") +
			mount("type = 'file'", "target = '/d/file'", "content = 'text'") +
			mount("type = 'file'", "target = '/ro/one'", "content = 'covered by a file'"))
		in := b.inside([]string{"-p", p},
			"read /ro/one", "create /ro/new x", "create /rw/new x", "list /h", "read /h/x", "openw /h/x",
			"exec /exec/prog", "exec /noexec/prog", "mmapexec /noexec/prog",
			"fill /t/big 4194304", "inodes /t 100000", "stat /t",
			"list /o", "read /o/one", "create /o/new x", "read /ow/one", "create /ow/new up", "write /ow/one changed", "unlink /ow/new",
			"create /ow/kept up", "list /mq", "mqopen q 0x40", "exists /mq/q", "list /pts", "readlink /d/link", "read /d/link", "stat /d/dir", "create /d/dir/x x",
			"read /d/file", "openw /d/file", "create /d/new x", "openpty", "list /dev", "read /dev/zero", "write /dev/null x", "write /dev/full x",
			"mknod /dev/shm/x", "create /dev/shm/y y", "create /dev/z z", "openw /proc/sys/kernel/hostname", "openw /proc/self/oom_score_adj", "readlink /dev/ptmx", "chmod /dev/null 0600", "chmod /dev/shm 0700", "exists /none")
		for probe, want := range map[string]string{
			"read /ro/one": "ok", "create /ro/new x": "EROFS EACCES", "create /rw/new x": "ok", "read /h/x": "EACCES ok", "openw /h/x": "EROFS EACCES",
			"exec /exec/prog": "ok", "exec /noexec/prog": "EACCES", "mmapexec /noexec/prog": "EPERM EACCES",
			"fill /t/big 4194304": "ENOSPC", "inodes /t 100000": "ENOSPC",
			"read /o/one": "ok", "create /o/new x": "EROFS EACCES", "create /ow/new up": "ok", "write /ow/one changed": "ok", "unlink /ow/new": "ok",
			"mqopen q 0x40": "ok", "exists /mq/q": "ok", "list /pts": "ok", "create /d/dir/x x": "EROFS EACCES", "openw /d/file": "EROFS EACCES", "create /d/new x": "EROFS EACCES",
			"openpty": "ok", "read /dev/zero": "ok", "write /dev/null x": "ok", "write /dev/full x": "ENOSPC", "mknod /dev/shm/x": "EPERM",
			"create /dev/shm/y y": "ok", "create /dev/z z": "EROFS EACCES", "openw /proc/sys/kernel/hostname": "EROFS EACCES",
			"chmod /dev/null 0600": "EPERM EROFS EACCES", "exists /none": "ENOENT",
		} {
			b.expect("inside", in[probe], want)
		}
		for probe, want := range map[string]string{
			"read /ro/one": "covered by a file", "list /h": "x", "read /h/x": "", "list /o": "one two", "read /o/one": "one", "read /ow/one": "one",
			"readlink /d/link": "../ro/one", "read /d/link": "covered by a file", "read /d/file": "text", "readlink /dev/ptmx": "pts/ptmx",
			"list /dev": "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero",
		} {
			if a := in[probe]; a.Out != want {
				t.Errorf("%s: %q %s, want %q", probe, a.Out, a.Err, want)
			}
		}
		if n, err := strconv.Atoi(in["fill /t/big 4194304"].Out); err != nil || n > 1<<20 {
			t.Errorf("a tmpfs of 1 MiB holds %d", n)
		}
		if got := in["stat /t"].Out; !strings.HasPrefix(got, "drwxr-x---") {
			t.Errorf("mode of the tmpfs: %s", got)
		}
		if got := in["stat /d/dir"].Out; !strings.HasPrefix(got, "drwx------") {
			t.Errorf("mode of the directory: %s", got)
		}
		if got := readFile(b, b.outside+"/low1/one") + readFile(b, b.outside+"/up/one") + readFile(b, b.outside+"/up/kept"); got != "onechangedup" {
			t.Errorf("lower and upper hold %q", got)
		}
	})
}

// TestMostSpecificWins protects who reads a profile: order does not matter, the
// longest path does, and a tie denies.
func TestMostSpecificWins(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.mkdir(b.work + "/a/b/c")
		b.file(b.work+"/a/b/c/f", "deep")
		head := "version = 1\nextends = ['base']\n"
		deep := "create " + b.work + "/a/b/c/new x"
		upper := "create " + b.work + "/a/new x"
		for text, want := range map[string][2]string{ // a/b/c, a
			"[fs]\nrw = ['W']\nro = ['W/a/b']":                   {"EROFS EACCES", "ok"},
			"[fs]\nro = ['W/a/b']\nrw = ['W']":                   {"EROFS EACCES", "ok"},
			"[fs]\nro = ['W']\nrw = ['W/a/b']":                   {"ok", "EROFS EACCES"},
			"[fs]\nrw = ['W/a/b', 'W']\nro = ['W/a']":            {"ok", "EROFS EACCES"},
			"[fs]\nrw = ['W']\nro = ['W']":                       {"EROFS EACCES", "EROFS EACCES"},
			"[fs]\nrw = ['W']\nhide = ['W/a/b']":                 {"ENOENT EROFS EACCES", "ok"},
			"[fs]\nrw = ['W', 'W/a/b/c']\nhide = ['W/a/b']":      {"ok", "ok"},
			"[fs]\nrw = ['W', 'W/a/b']\nhide = ['W/a/b']":        {"ENOENT EROFS EACCES", "ok"},
			"[fs]\ntmpfs = ['W']\nrw = ['W/a']":                  {"ok", "ok"},
			"[fs]\nro = ['W/a', 'W/a/b/c']\nrw = ['W/a/b', 'W']": {"EROFS EACCES", "EROFS EACCES"},
		} {
			p := b.profile(head + strings.ReplaceAll(text, "W", b.work))
			in := b.inside([]string{"-p", p}, deep, upper)
			b.expect(text, in[deep], want[0])
			b.expect(text, in[upper], want[1])
			os.Remove(b.work + "/a/b/c/new")
			os.Remove(b.work + "/a/new")
		}
		// The command line is above the profile.
		p := b.profile(head + "[fs]\nhide = ['" + b.work + "']\n")
		b.expect("command line", b.inside([]string{"-p", p, "--rw", b.work}, upper)[upper], "ok")
	})
}

// TestManyBinds protects big projects: thousands of grants are no problem.
func TestManyBinds(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		const binds = 10_000
		var list strings.Builder
		for i := range binds {
			list.WriteString("/etc/hosts:/many/" + strconv.Itoa(i%100) + "/" + strconv.Itoa(i) + "\x00")
		}
		path := b.file(b.dir+"/list", list.String())
		in := b.inside([]string{"--bind-list", path}, "exists /many/99/9999", "exists /many/0/0", "openw /many/50/50", "list /many/7")
		b.expect("inside", in["exists /many/99/9999"], "ok")
		b.expect("inside", in["exists /many/0/0"], "ok")
		b.expect("inside", in["openw /many/50/50"], "EROFS EACCES")
		if n := len(strings.Fields(in["list /many/7"].Out)); n != binds/100 {
			t.Errorf("%d binds in a directory", n)
		}
	})
}

// TestClimbingLinks protects sources that are reached through relative links up
// to "/": while the view is put together, the new root lies there.
func TestClimbingLinks(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.mkdir(b.outside + "/dir")
		b.mkdir(b.outside + "/up")
		b.mkdir(b.outside + "/wd")
		b.file(b.outside+"/dir/file", "found")
		image := b.tree("image", usualTree...)
		link := func(name, to string) string {
			b.check(os.Symlink(strings.Repeat("../", strings.Count(b.dir, "/"))+to[1:], b.dir+"/"+name))
			return b.dir + "/" + name
		}
		file, dir, root := link("to-file", b.outside+"/dir/file"), link("to-dir", b.outside+"/dir"), link("to-image", image)
		outside := link("to-outside", b.outside)
		overlay := b.profile("version = 1\nextends = ['base']\n[process]\ncwd = '/tmp'\n[[mount]]\ntype = 'overlay'\ntarget = '/x'\nlower = ['" + dir + "']\n" +
			"upper = '" + outside + "/up'\nwork = '" + outside + "/wd'\noptions = ['rw']\n")
		for _, c := range []struct {
			name    string
			options []string
			file    string
		}{
			{"file", []string{"-p", "base", "--ro", file + ":/x"}, "/x"},
			{"directory", []string{"-p", "base", "--ro", dir + ":/x"}, "/x/file"},
			{"below a link", []string{"-p", "base", "--ro", dir + "/file:/x"}, "/x"},
			{"in its own place", []string{"-p", "base", "--ro", dir}, dir + "/file"},
			{"writable", []string{"-p", "base", "--rw", dir + ":/x"}, "/x/file"},
			{"beside a writable grant", []string{"-p", "base", "--rw", b.work, "--ro", file + ":/x"}, "/x"},
			{"overlay", []string{"-p", overlay}, "/x/file"},
		} {
			in := b.inside(c.options, "read "+c.file)
			if a := in["read "+c.file]; a.Out != "found" {
				t.Errorf("%s: %+v", c.name, a)
			}
		}
		for _, options := range [][]string{nil, {"--write", "tmpfs"}, {"--write", "tmpfs", "--rw", b.work + ":/tmp"}} {
			in := b.inTree(root, options, "read /etc/hostname")
			if a := in["read /etc/hostname"]; a.Out != "image\n" {
				t.Errorf("image %v: %+v", options, a)
			}
		}
		if o := b.lichen("run", "-p", "base", "--ro", link("to-nowhere", b.outside+"/none")+":/x", "--", "true"); o.code != 125 {
			t.Errorf("a link to nowhere: %+v", o)
		}
	})
}
