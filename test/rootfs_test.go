package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tree makes a root file system of the user's: the probe in /bin, and what is
// listed. "PATH/" is a directory, "PATH -> TEXT" a link, "PATH=TEXT" a file.
func (b *box) tree(name string, entries ...string) string {
	b.t.Helper()
	root := b.mkdir(b.dir + "/" + name)
	b.mkdir(root + "/bin")
	probe, err := os.ReadFile(binDir + "/probe")
	b.check(err)
	b.check(os.Chmod(b.file(root+"/bin/probe", string(probe)), 0o755))
	for _, e := range entries {
		if path, text, ok := strings.Cut(e, " -> "); ok {
			b.mkdir(filepath.Dir(root + path))
			b.check(os.Symlink(text, root+path))
			b.check(os.Lchown(root+path, b.user.uid, b.user.uid))
		} else if path, text, ok := strings.Cut(e, "="); ok {
			b.mkdir(filepath.Dir(root + path))
			b.file(root+path, text)
		} else {
			b.mkdir(root + strings.TrimSuffix(e, "/"))
		}
	}
	return root
}

// inTree runs the tree's probe with the tree as root.
func (b *box) inTree(root string, options []string, probes ...string) answers {
	b.t.Helper()
	args := append(append(lichenArgs("run", "--image", "dir:"+root), options...), "--", "/bin/probe")
	return b.answers(command{args: append(args, probes...)}, probes)
}

var usualTree = []string{"/etc/hostname=image\n", "/etc/owned=its own\n", "/proc/", "/dev/", "/tmp/", "/run/", "/var/tmp/"}

// TestRootfs protects what an image shows and what can be written: nothing of
// it, memory, or a kept layer; the tree itself never changes.
func TestRootfs(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		full := b.tree("full", usualTree...)
		bare := b.tree("bare", "/etc/hostname=image\n")
		b.file(b.outside+"/secret", canary)
		for _, root := range []string{full, bare} {
			before := listTree(b, root)
			in := b.inTree(root, nil, "read /etc/hostname", "hunt c4n4ry~-7f3a", "create /x 1", "create /etc/owned 1", "create /tmp/x 1", "create /run/x 1", "exists /usr", "exists "+b.work, "mounts")
			b.expect(root, in["read /etc/hostname"], "ok")
			if got := in["read /etc/hostname"].Out; got != "image\n" {
				t.Errorf("%s: /etc/hostname is %q", root, got)
			}
			b.expect(root, in["create /x 1"], "EROFS EACCES")
			b.expect(root, in["create /tmp/x 1"], "ok")
			b.expect(root, in["create /run/x 1"], "ok")
			b.expect(root, in["exists /usr"], "ENOENT")
			b.expect(root, in["exists "+b.work], "ENOENT")
			if out := in["hunt c4n4ry~-7f3a"].Out; out != "" {
				t.Errorf("%s: the payload found %s", root, out)
			}

			in = b.inTree(root, []string{"--write", "tmpfs", "--size", "1M"}, "create /x 1", "create /etc/new 1", "unlink /etc/hostname", "read /etc/hostname", "fill /y 2097152")
			b.expect(root, in["create /x 1"], "ok")
			b.expect(root, in["create /etc/new 1"], "ok")
			b.expect(root, in["unlink /etc/hostname"], "ok")
			b.expect(root, in["read /etc/hostname"], "ENOENT")
			b.expect(root, in["fill /y 2097152"], "ENOSPC")

			kept := root + ".kept"
			write := []string{"--write", kept}
			in = b.inTree(root, write, "create /etc/new 1", "unlink /etc/hostname", "mkdir /data")
			b.expect(root, in["create /etc/new 1"], "ok")
			in = b.inTree(root, write, "read /etc/new", "exists /etc/hostname", "rmdir /data")
			b.expect(root, in["read /etc/new"], "ok")
			b.expect(root, in["exists /etc/hostname"], "ENOENT")
			b.expect(root, in["rmdir /data"], "ok")
			if after := listTree(b, root); after != before {
				t.Errorf("%s changed:\n%s\nbefore:\n%s", root, after, before)
			}
		}
	})
}

// listTree describes a tree: names, modes, sizes, times.
func listTree(b *box, root string) string {
	b.t.Helper()
	var out strings.Builder
	b.check(filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			out.WriteString(path + " " + info.Mode().String() + " " + info.ModTime().String() + "\n")
		}
		return err
	}))
	return out.String()
}

// TestHostileRootfs protects the host from an image's links: what is mounted or
// made at a target goes nowhere but into the sandbox, whatever lies there.
func TestHostileRootfs(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.outside+"/secret", canary)
		up := strings.Repeat("../", 20)
		for name, entries := range map[string][]string{
			"absolute links":   {"/proc -> " + b.outside, "/dev -> " + b.outside, "/tmp -> " + b.outside, "/etc -> " + b.outside},
			"climbing links":   {"/proc -> " + up + b.outside, "/dev/", "/tmp -> " + up + b.outside, "/run -> " + up + b.dir},
			"links into /proc": {"/proc/", "/dev/", "/tmp -> /proc/1/root" + b.outside, "/run -> /proc/self/cwd", "/var/tmp -> /proc/self/fd/3"},
			"a loop":           {"/proc/", "/dev/", "/tmp -> /run", "/run -> /tmp"},
			"files":            {"/proc=x", "/dev=x", "/tmp=x"},
			"a link to a file": {"/proc/", "/dev/", "/tmp -> /etc/x", "/etc/x=y"},
			"a linked parent":  {"/proc/", "/dev/", "/tmp/", "/var -> " + b.outside, "/run/"},
			"a linked target":  {"/proc/", "/dev/", "/tmp/", "/run/", "/var/tmp -> /tmp/inside"},
		} {
			root := b.tree(strings.ReplaceAll(name, " ", "-"), entries...)
			for _, options := range [][]string{nil, {"--write", "tmpfs"}, {"--write", root + ".kept"}, {"--rw", b.work + ":/opt/work", "--cwd", "/opt/work"}} {
				before := listTree(b, b.outside) + listTree(b, root)
				args := append(append(lichenArgs("run", "--image", "dir:"+root), options...), "--", "/bin/probe", "hunt c4n4ry~-7f3a", "create "+b.outside+"/new x")
				o := b.do(command{args: args})
				switch o.code {
				case 0:
					if a := parseAnswers(t, o.stdout); a["hunt c4n4ry~-7f3a"].Out != "" {
						t.Errorf("%s %q: the payload found %s", name, options, a["hunt c4n4ry~-7f3a"].Out)
					}
				case 125:
					b.fails(o, 125)
				default:
					t.Errorf("%s %q: status %d, %s", name, options, o.code, o.stderr)
				}
				if after := listTree(b, b.outside) + listTree(b, root); after != before {
					t.Errorf("%s %q: the host changed:\n%s\nbefore:\n%s", name, options, after, before)
				}
			}
		}
	})
}

// TestPlantedInKeptLayer protects P8 and P9: what a payload leaves in its kept
// layer moves nothing of the next run outside of that layer.
func TestPlantedInKeptLayer(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		root := b.tree("image", usualTree...)
		options := []string{"--write", b.dir + "/kept", "--rw", b.work + ":/work"}
		for _, plant := range [][]string{
			{"symlink /work /opt"},                  // where a missing target's parent will be
			{"mkdir /opt", "symlink /work /opt/a"},  // one level below
			{"symlink " + b.outside + " /opt"},      // the host's path
			{"mkdir /opt", "symlink /work /opt/a2"}, // beside it
			{"symlink /proc/1/root /opt"},
		} {
			in := b.inTree(root, options, plant...)
			for _, a := range in {
				b.expect("planting", a, "ok")
			}
			before := listTree(b, b.work) + listTree(b, b.outside)
			args := append(append(lichenArgs("run", "--image", "dir:"+root), options...), "--ro", b.home+":/opt/a/b", "--", "/bin/probe", "ids")
			if o := b.do(command{args: args}); o.code != 0 {
				b.fails(o, 125)
			}
			if after := listTree(b, b.work) + listTree(b, b.outside); after != before {
				t.Errorf("%q: the host changed:\n%s\nbefore:\n%s", plant, after, before)
			}
			b.check(os.RemoveAll(b.dir + "/kept"))
		}
	})
}

// TestKeptLayerIsHeld: two sandboxes cannot write one layer, and one over
// another image is refused.
func TestKeptLayerIsHeld(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		root := b.tree("image", usualTree...)
		args := lichenArgs("run", "--image", "dir:"+root, "--write", b.dir+"/kept", "--", "/bin/probe", "ids")
		if o := b.do(command{args: args}); o.code != 0 {
			t.Fatalf("status %d, %s", o.code, o.stderr)
		}
		lock, err := os.Open(b.dir + "/kept/lock")
		b.check(err)
		b.check(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
		b.fails(b.do(command{args: args}), 125, "another sandbox runs on it")
		lock.Close()
		if o := b.do(command{args: args}); o.code != 0 {
			t.Errorf("after that: status %d, %s", o.code, o.stderr)
		}
		o := b.do(command{args: lichenArgs("run", "--image", "dir:"+root, "--write", b.work, "--", "/bin/probe", "ids")})
		if o.code != 0 {
			t.Errorf("an empty directory: status %d, %s", o.code, o.stderr)
		}
		b.file(b.outside+"/thesis", "")
		b.fails(b.do(command{args: lichenArgs("run", "--image", "dir:"+root, "--write", b.outside, "--", "/bin/probe", "ids")}), 125, "holds something else")
	})
}

// TestProfileOverImage: a profile's grants lie over the image, and what it takes
// from the host's system does not.
func TestProfileOverImage(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		root := b.tree("image", append(usualTree, "/usr/mine=1")...)
		b.file(b.work+"/Makefile", "all:\n")
		in := b.inTree(root, []string{"-p", "build"}, "getcwd", "exists Makefile", "create out 1", "read /usr/mine", "exists /usr/bin", "exists /etc/passwd", "create "+b.home+"/x 1")
		if got := in["getcwd"].Out; got != b.work {
			t.Errorf("the working directory is %q", got)
		}
		for _, p := range []string{"exists Makefile", "create out 1", "read /usr/mine", "create " + b.home + "/x 1"} {
			b.expect("build", in[p], "ok")
		}
		b.expect("build", in["exists /usr/bin"], "ENOENT")
		b.expect("build", in["exists /etc/passwd"], "ENOENT")
		if _, err := os.Stat(b.work + "/out"); err != nil {
			t.Error(err)
		}
		b.fails(b.do(command{args: lichenArgs("run", "--image", "dir:"+root, "--ro", "/etc:/", "--", "/bin/probe", "ids")}), 125, "the profile says what is at / itself")
	})
}
