package test

import (
	"os"
	"strings"
	"testing"
)

// TestOutsideOfGrants protects P1: what is not granted cannot be reached, by
// whatever name.
func TestOutsideOfGrants(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		secret := b.file(b.outside+"/secret", canary)
		b.check(os.Symlink(secret, b.work+"/link"))
		b.check(os.Symlink("../outside/secret", b.work+"/relative"))
		b.check(os.Symlink("/proc/1/root"+secret, b.work+"/magic"))
		for _, options := range [][]string{nil, {"-p", "build"}, {"--nested"}} {
			if !b.mayUse(options...) {
				continue
			}
			b.attacks(options, []attack{
				{"read " + secret, "ENOENT EACCES", "ok"},
				{"read " + b.work + "/../outside/secret", "ENOENT EACCES", "ok"},
				{"read " + b.work + "/link", "ENOENT EACCES", "ok"},
				{"read " + b.work + "/relative", "ENOENT EACCES", "ok"},
				{"read " + b.work + "/magic", "EACCES ENOENT", ""},
				{"read /proc/1/root" + secret, "EACCES", ""},
				{"read /proc/1/cwd/../outside/secret", "EACCES", ""},
				{"read /proc/self/root" + secret, "ENOENT EACCES", "ok"},
				{"read /proc/self/cwd/../outside/secret", "ENOENT EACCES", "ok"},
				{"read /proc/self/root/../../../.." + secret, "ENOENT EACCES", "ok"},
				{"readlink /proc/1/fd/0", "EACCES", ""},
				{"read /proc/1/fd/0", "EACCES", ""},
				{"list /proc/1/map_files", "EACCES EPERM ENOENT", ""},
				{"list " + b.outside, "ENOENT EACCES", "ok"},
				{"chdir " + b.outside, "ENOENT EACCES", "ok"},
				{"byhandle /", "EPERM", ""},
				{"byhandle /usr", "EPERM", ""},
				{"chroot /", "EPERM", ""},
				{"stat /sys", "ENOENT", "ok"},
				{"stat /boot", "ENOENT", "ok"},
				{"list /old_root", "ENOENT", ""},
			})
			in := b.inside(options, "hunt c4n4ry~-7f3a", "list /proc")
			if got := in["hunt c4n4ry~-7f3a"].Out; got != "" {
				t.Errorf("%v: found in %s", options, got)
			}
			for _, name := range strings.Fields(in["list /proc"].Out) {
				if len(name) > 2 && name[0] >= '1' && name[0] <= '9' {
					t.Errorf("%v: /proc shows process %s", options, name)
				}
			}
		}
		b.expect("inside", b.inside([]string{"--ro", b.outside}, "read "+secret)["read "+secret], "ok")
	})
}

// TestMountsShowNoHost protects P1 against a look at the mount table: the old
// root is gone, not covered.
func TestMountsShowNoHost(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		o := b.lichen("run", "--", "cat", "/proc/self/mountinfo")
		granted := []string{"/", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/tmp", "/proc", "/proc/sys", "/dev",
			"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/pts", "/dev/shm", b.home, b.work}
		for line := range strings.Lines(o.stdout) {
			at, ok := strings.Fields(line)[4], false
			for _, g := range granted {
				ok = ok || at == g || g != "/" && strings.HasPrefix(at, g+"/")
			}
			if !ok {
				t.Errorf("an unexpected mount: %s", line)
			}
		}
	})
}

// TestInheritedDirectory protects P1 against a descriptor of a directory that
// the caller happens to have as standard input.
func TestInheritedDirectory(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.outside+"/secret", canary)
		for _, options := range [][]string{nil, {"--nested"}} {
			if !b.mayUse(options...) {
				continue
			}
			dir, err := os.Open(b.outside)
			b.check(err)
			o := b.do(command{args: probeArgs(options, "openat 0 secret", "openat 0 ../outside/secret"), stdin: dir})
			dir.Close()
			if strings.Contains(o.stdout, canary) {
				t.Errorf("%v: read through standard input: %s", options, o.stdout)
			}
		}
	})
}

// TestInheritedFileKeepsItsMode protects P2 for standard input: a file that was
// opened for reading is not one to write, although its inode can be opened
// again through /proc.
func TestInheritedFileKeepsItsMode(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		path := b.file(b.outside+"/input", "input")
		off := b.profile("version = 1\nextends = ['default']\n[landlock]\nmode = 'off'\n")
		for _, options := range [][]string{nil, {"--nested"}, {"-p", off}} {
			if !b.mayUse(options...) {
				continue
			}
			f, err := os.Open(path)
			b.check(err)
			o := b.do(command{args: probeArgs(options, "readfd 0", "write /proc/self/fd/0 pwned", "truncate /proc/self/fd/0"), stdin: f})
			f.Close()
			in := parseAnswers(t, o.stdout)
			if o.code == 0 && in["readfd 0"].Out != "input" {
				t.Errorf("%v: %v", options, in)
			}
			if got := readFile(b, path); got != "input" {
				t.Errorf("%v: the file was overwritten with %q", options, got)
			}
			b.file(path, "input")
		}
	})
}

// TestNoStubs protects P9: a missing target is an error with its remedy, and
// the host's directories stay as they are.
func TestNoStubs(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		src := b.file(b.outside+"/file", "content")
		before := b.treeOf(b.dir)
		for _, options := range [][]string{
			{"--rw", b.work, "--ro", src + ":" + b.work + "/missing"},
			{"--ro", b.work, "--ro", src + ":" + b.work + "/missing"},
			{"--rw", b.work, "--ro", b.outside + ":" + b.work + "/missing/deeper"},
			{"--rw", b.work, "--tmpfs", b.work + "/missing"},
			{"--rw", b.work, "--hide", b.work + "/missing"},
		} {
			o := b.lichen(append(append([]string{"run"}, options...), "--", "true")...)
			b.fails(o, 125, "missing", "hint: ", "command line")
		}
		// Optional ones, and those of the sandbox's own trees, leave nothing.
		in := b.inside([]string{"--rw", b.work, "--hide", b.work + "/missing?", "--ro", b.work + "/none?", "--ro", src + ":/tmp/a/b/c", "--ro", src + ":/x/y/z"},
			"read /tmp/a/b/c", "read /x/y/z", "list "+b.work)
		if in["read /tmp/a/b/c"].Out != "content" || in["read /x/y/z"].Out != "content" || in["list "+b.work].Out != "" {
			t.Errorf("%v", in)
		}
		if after := b.treeOf(b.dir); after != before {
			t.Errorf("files changed:\n%s\nbefore:\n%s", after, before)
		}
	})
}
