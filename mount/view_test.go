package mount

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/feature/fakehost"
	"github.com/lichen-sandbox/lichen/spec"
)

// host is a system with merged /usr, a home, and a project.
func host() fakehost.Files {
	return fakehost.Files{
		"/usr": "dir", "/usr/bin": "dir", "/usr/lib": "dir", "/usr/share": "dir", "/bin": "-> usr/bin", "/etc": "dir", "/etc/passwd": "file",
		"/dev": "dir", "/dev/null": "file", "/dev/zero": "file", "/home": "dir", "/home/u": "dir", "/home/u/secret": "file",
		"/home/u/work": "dir", "/home/u/work/.git": "dir", "/home/u/work/.env": "file", "/home/u/work/sub": "dir",
		"/run": "dir", "/run/bus": "socket", "/run/pipe": "fifo", "/home/u/closed": "closed", "/data": "-> /home/u/work",
	}
}

func origin(line int) spec.Origin { return spec.Origin{File: "t.toml", Line: line} }

func ro(p string) spec.Mount {
	return spec.Mount{Type: spec.MountBind, Source: p, Target: p, Origin: origin(1)}
}

func rw(p string) spec.Mount {
	m := ro(p)
	m.Write = true
	return m
}

func at(m spec.Mount, target string) spec.Mount { m.Target = target; return m }

func special(t spec.MountType, target string) spec.Mount {
	return spec.Mount{Type: t, Target: target, Origin: origin(2)}
}

func optional(m spec.Mount) spec.Mount { m.Optional = true; return m }

func layer(m spec.Mount, n int) spec.Mount { m.Layer = n; return m }

func describe(v *View) string {
	var out []string
	for _, n := range v.Nodes {
		s := n.Type.String() + " " + n.Target
		if n.Type == spec.MountBind || n.Type == spec.MountSymlink {
			s += "=" + n.Source
		}
		if n.Write {
			s += " rw"
		}
		if n.NoExec {
			s += " noexec"
		}
		if !n.Dir && n.Type != spec.MountSymlink {
			s += " file"
		}
		if n.exposed {
			s += " exposed"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// TestNewView protects what the payload sees for given grants: order, ties,
// links, optional entries, and what is refused because it could not be done
// without writing on the host or following somebody's link.
func TestNewView(t *testing.T) {
	planted := host()
	planted["/home/u/work/.git"] = "-> /home/u/secret"
	plantedAbove := host()
	plantedAbove["/home/u/work/sub"] = "-> /home/u"
	dots := host()
	dots["/link"], dots["/home/u/work/tool"] = "-> home/u/work/sub/../tool", "file"
	dots["/home/u/work/sub"] = "-> ../../u"
	for _, c := range []struct {
		name   string
		host   fakehost.Files
		mounts []spec.Mount
		noexec []string
		want   string
		err    string // part of the error
		hint   string
	}{
		{name: "parents first, by component", mounts: []spec.Mount{ro("/usr/lib"), ro("/usr"), ro("/etc"), ro("/usr/bin")},
			want: "bind /etc=/etc; bind /usr=/usr; bind /usr/bin=/usr/bin; bind /usr/lib=/usr/lib"},
		{name: "a link into another grant is made as a link", mounts: []spec.Mount{ro("/usr"), ro("/bin")},
			want: "symlink /bin=usr/bin; bind /usr=/usr"},
		{name: "a link into nothing granted is followed", mounts: []spec.Mount{ro("/bin")}, want: "bind /bin=/bin"},
		{name: "a link elsewhere is followed", mounts: []spec.Mount{ro("/usr"), at(ro("/bin"), "/b")}, want: "bind /b=/bin; bind /usr=/usr"},
		{name: "optional and missing", mounts: []spec.Mount{ro("/usr"), optional(ro("/opt"))}, want: "bind /usr=/usr"},
		{name: "missing", mounts: []spec.Mount{ro("/opt")}, err: "bind /opt: file does not exist (t.toml:1)", hint: `"/opt?"`},
		{name: "unreadable", mounts: []spec.Mount{ro("/home/u/closed")}, err: "you may not read it"},
		{name: "socket", mounts: []spec.Mount{ro("/run/bus")}, err: "it is a socket", hint: `options = ["socket"]`},
		{name: "fifo", mounts: []spec.Mount{ro("/run/pipe")}, err: "it is a fifo"},

		{name: "tie in one layer: read-only wins", mounts: []spec.Mount{rw("/usr"), ro("/usr")}, want: "bind /usr=/usr"},
		{name: "tie in one layer: tmpfs wins over a bind", mounts: []spec.Mount{ro("/home/u"), special(spec.MountTmpfs, "/home/u")}, want: "tmpfs /home/u"},
		{name: "a later layer wins", mounts: []spec.Mount{ro("/usr"), layer(rw("/usr"), 1)}, want: "bind /usr=/usr rw"},
		{name: "an earlier layer does not", mounts: []spec.Mount{layer(ro("/usr"), 1), rw("/usr")}, want: "bind /usr=/usr"},
		{name: "two sources for one target", mounts: []spec.Mount{at(ro("/usr"), "/x"), at(ro("/etc"), "/x")}, err: "the same target is taken by the bind of t.toml:1"},

		{name: "hide a file and a directory", mounts: []spec.Mount{ro("/home/u/work"), special(spec.MountHide, "/home/u/work/.env"), special(spec.MountHide, "/home/u/work/sub")},
			want: "bind /home/u/work=/home/u/work; hide /home/u/work/.env file; hide /home/u/work/sub"},
		{name: "hide what is missing", mounts: []spec.Mount{ro("/home/u/work"), special(spec.MountHide, "/home/u/work/none")},
			err: "hide /home/u/work/none: file does not exist", hint: `"/home/u/work/none?"`},
		{name: "hide what is missing, optional", mounts: []spec.Mount{ro("/home/u/work"), optional(special(spec.MountHide, "/home/u/work/none"))},
			want: "bind /home/u/work=/home/u/work"},
		{name: "hide what nothing grants", mounts: []spec.Mount{ro("/usr"), special(spec.MountHide, "/home")}, want: "bind /usr=/usr"},
		{name: "a grant below what is hidden", mounts: []spec.Mount{special(spec.MountHide, "/home"), ro("/home/u/work")},
			want: "hide /home; bind /home/u/work=/home/u/work"},

		{name: "no stub on the host", mounts: []spec.Mount{ro("/home/u/work"), at(ro("/usr"), "/home/u/work/usr")},
			err: "no such target in /home/u/work", hint: "mkdir -p /home/u/work/usr"},
		{name: "no stub on the host, file", mounts: []spec.Mount{rw("/home/u/work"), at(ro("/etc/passwd"), "/home/u/work/passwd")},
			err: "no such target", hint: "touch /home/u/work/passwd"},
		{name: "no link on the host", mounts: []spec.Mount{ro("/usr"), {Type: spec.MountSymlink, Source: "x", Target: "/usr/y"}}, err: "does not write to"},
		{name: "directory over a file", mounts: []spec.Mount{ro("/etc"), at(ro("/usr"), "/etc/passwd")}, err: "a directory cannot cover a file"},
		{name: "below a file", mounts: []spec.Mount{ro("/etc/passwd"), special(spec.MountTmpfs, "/etc/passwd/x")}, err: "is not a directory"},
		{name: "below a link", mounts: []spec.Mount{ro("/usr"), ro("/bin"), at(ro("/etc"), "/bin/etc")}, err: "/bin is a link to usr/bin"},
		{name: "an empty directory over one of the host", mounts: []spec.Mount{ro("/usr"), special(spec.MountDir, "/usr/share")},
			want: "bind /usr=/usr; hide /usr/share"},

		{name: "a source below a writable grant", mounts: []spec.Mount{rw("/home/u/work"), ro("/home/u/work/.git")},
			want: "bind /home/u/work=/home/u/work rw; bind /home/u/work/.git=/home/u/work/.git exposed"},
		{name: "the same, reached by a link outside", mounts: []spec.Mount{rw("/home/u/work"), at(ro("/data/.git"), "/git")},
			want: "bind /git=/data/.git exposed; bind /home/u/work=/home/u/work rw"},
		{name: "a planted link", host: planted, mounts: []spec.Mount{rw("/home/u/work"), at(ro("/home/u/work/.git"), "/git")},
			err: "/home/u/work/.git is a symbolic link in /home/u/work, which the payload may write", hint: "name the place"},
		{name: "a planted link on the way", host: plantedAbove, mounts: []spec.Mount{rw("/home/u/work"), at(ro("/home/u/work/sub/secret"), "/s")},
			err: "/home/u/work/sub is a symbolic link in /home/u/work"},
		{name: "a planted link, reached by a link outside", host: planted, mounts: []spec.Mount{rw("/data"), at(ro("/data/.git"), "/git")},
			err: "/home/u/work/.git is a symbolic link"},
		{name: "the same link where nothing is writable", host: planted, mounts: []spec.Mount{ro("/home/u/work"), at(ro("/home/u/work/.git"), "/git")},
			want: "bind /git=/home/u/work/.git file; bind /home/u/work=/home/u/work"},

		{name: "the way to a cover is pinned", mounts: []spec.Mount{rw("/home"), special(spec.MountHide, "/home/u/work/.env")},
			want: "bind /home=/home rw; bind /home/u=/home/u rw exposed; bind /home/u/work=/home/u/work rw exposed; hide /home/u/work/.env file"},
		{name: "a pin is not made twice", mounts: []spec.Mount{rw("/home"), ro("/home/u/work"), ro("/home/u/secret")},
			want: "bind /home=/home rw; bind /home/u=/home/u rw exposed; bind /home/u/secret=/home/u/secret file exposed; bind /home/u/work=/home/u/work exposed"},
		{name: "dots in a link are taken after the link before them", host: dots, mounts: []spec.Mount{rw("/home/u/work"), at(ro("/link"), "/tool")},
			err: "/home/u/work/sub is a symbolic link in /home/u/work"},

		{name: "noexec marks what is below", mounts: []spec.Mount{ro("/usr"), rw("/home/u/work"), special(spec.MountTmpfs, "/home")}, noexec: []string{"/home"},
			want: "tmpfs /home noexec; bind /home/u/work=/home/u/work rw noexec; bind /usr=/usr"},
		{name: "noexec inside a bind becomes a mount", mounts: []spec.Mount{rw("/home/u")}, noexec: []string{"/home/u/work"},
			want: "bind /home/u=/home/u rw; bind /home/u/work=/home/u/work rw noexec exposed"},
		{name: "a missing source", mounts: []spec.Mount{ro("/srv")}, err: "bind /srv", hint: `mark it optional: "/srv?"`},
		{name: "a missing source of a service manager's", mounts: []spec.Mount{{Type: spec.MountBind, Source: "/srv", Target: "/srv", Variable: "STATE_DIRECTORY"}},
			err: "bind /srv", hint: "unset STATE_DIRECTORY"},
		{name: "noexec of nothing", mounts: []spec.Mount{ro("/usr")}, noexec: []string{"/srv"}, err: "no grant is at, above or below it", hint: `"/srv?"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := c.host
			if files == nil {
				files = host()
			}
			s := &spec.Spec{Mounts: c.mounts}
			for _, p := range c.noexec {
				s.NoExec = append(s.NoExec, spec.Path{Path: p, Origin: origin(3)})
			}
			v, err := NewView(s, &feature.Facts{Files: files}, Owner{})
			checkError(t, err, c.err, c.hint)
			if err == nil && describe(v) != c.want {
				t.Errorf("got  %s\nwant %s", describe(v), c.want)
			}
		})
	}
}

func checkError(t *testing.T, err error, want, hint string) {
	t.Helper()
	if err == nil {
		if want != "" {
			t.Errorf("no error, want %q", want)
		}
		return
	}
	if want == "" || !strings.Contains(err.Error(), want) {
		t.Errorf("error %q, want %q", err, want)
	}
	var e *spec.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *spec.Error", err)
	}
	if !strings.Contains(e.Hint, hint) {
		t.Errorf("hint %q, want %q", e.Hint, hint)
	}
}

// TestDev protects the parts of /dev, and that a profile's own mount wins over
// one of them.
func TestDev(t *testing.T) {
	own := special(spec.MountTmpfs, "/dev/shm")
	own.Size = 1 << 20
	v, err := NewView(&spec.Spec{Mounts: []spec.Mount{own, special(spec.MountDev, "/dev")}}, &feature.Facts{Files: host()}, Owner{})
	if err != nil {
		t.Fatal(err)
	}
	want := "dev /dev; symlink /dev/fd=/proc/self/fd; bind /dev/null=/dev/null rw noexec file; symlink /dev/ptmx=pts/ptmx; devpts /dev/pts; " +
		"tmpfs /dev/shm; symlink /dev/stderr=/proc/self/fd/2; symlink /dev/stdin=/proc/self/fd/0; symlink /dev/stdout=/proc/self/fd/1; " +
		"bind /dev/zero=/dev/zero rw noexec file"
	if got := describe(v); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, n := range v.Nodes {
		if n.Target == "/dev/shm" && n.Size != own.Size {
			t.Errorf("/dev/shm has size %d, want the profile's %d", n.Size, own.Size)
		}
	}
}

// TestInPlace protects what Landlock alone cannot enforce: taking away below
// a grant what the grant gives.
func TestInPlace(t *testing.T) {
	for _, c := range []struct {
		name   string
		mounts []spec.Mount
		noexec []string
		err    string
	}{
		{name: "side by side", mounts: []spec.Mount{ro("/usr"), rw("/home/u/work")}},
		{name: "wider below narrower", mounts: []spec.Mount{ro("/home/u"), rw("/home/u/work")}},
		{name: "narrower below wider", mounts: []spec.Mount{rw("/home/u"), ro("/home/u/work")}, err: `cannot narrow the grant of /home/u (t.toml:1)`},
		{name: "the root", mounts: []spec.Mount{ro("/"), rw("/home/u/work")}},
		{name: "narrower below the root", mounts: []spec.Mount{rw("/"), ro("/usr")}, err: "cannot narrow"},
		{name: "noexec of a grant", mounts: []spec.Mount{ro("/usr"), rw("/home/u")}, noexec: []string{"/home"}},
		{name: "noexec inside a grant", mounts: []spec.Mount{rw("/home/u")}, noexec: []string{"/home/u/work"}, err: "cannot narrow"},
		{name: "socket", mounts: []spec.Mount{ro("/run/bus")}, err: "it is a socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &spec.Spec{Mounts: c.mounts}
			for _, p := range c.noexec {
				s.NoExec = append(s.NoExec, spec.Path{Path: p, Origin: origin(3)})
			}
			_, err := InPlace(s, &feature.Facts{Files: host()})
			checkError(t, err, c.err, "")
		})
	}
}

// TestComparePaths protects that a subtree is contiguous.
func TestComparePaths(t *testing.T) {
	sorted := []string{"/", "/a", "/a/b", "/a/b/c", "/a-b", "/a.b", "/ab", "/b"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := comparePaths(a, b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("comparePaths(%q, %q) = %d", a, b, got)
			}
		}
	}
}

// TestRealSources protects what the child opens: the text of a source only where
// no link is on the way to it, since one could climb to "/", over which the new
// root lies by then; and what is a process's own for the process that it is.
func TestRealSources(t *testing.T) {
	files := host()
	files["/home/u/up"], files["/home/u/passwd"], files["/chain"] = "-> ../../usr", "-> ../../etc/passwd", "-> home/u/up/lib"
	files["/proc"], files["/proc/self"], files["/proc/7"], files["/proc/7/maps"] = "dir", "-> 7", "dir", "file"
	files["/stat"], files["/proc/stat"] = "-> home/../proc/stat", "file"
	for _, c := range []struct {
		name   string
		source string
		write  bool // something else can be written
		real   string
		walked bool
	}{
		{"no link", "/usr/lib", false, "/usr/lib", false},
		{"no link, with a writable grant", "/usr/lib", true, "/usr/lib", true},
		{"the source climbs", "/home/u/passwd", false, "/etc/passwd", true},
		{"a directory above it climbs", "/home/u/up/lib", false, "/usr/lib", true},
		{"link after link", "/chain", false, "/usr/lib", true},
		{"the same, with a writable grant", "/chain", true, "/usr/lib", true},
		{"a link that stays where it is", "/data", false, "/home/u/work", true},
		{"procfs", "/stat", false, "/proc/stat", true},
		{"a process's own", "/proc/self/maps", false, "/proc/self/maps", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &spec.Spec{Mounts: []spec.Mount{at(ro(c.source), "/x")}}
			if c.write {
				s.Mounts = append(s.Mounts, at(rw("/home/u/work"), "/w"))
			}
			v, err := NewView(s, &feature.Facts{Files: files}, Owner{})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range v.Nodes {
				if n.Target == "/x" && (n.realPath != c.real || n.walked != c.walked) {
					t.Errorf("%s is opened as %s, walked %v; want %s, %v", c.source, n.realPath, n.walked, c.real, c.walked)
				}
			}
		})
	}
}

// counted counts the questions about links on the way to something.
type counted struct {
	fakehost.Files
	lstat map[string]int
}

func (c counted) Lstat(p string) (fs.FileMode, error) {
	c.lstat[p]++
	return c.Files.Lstat(p)
}

// TestFewQuestions protects the time that a launch takes: each path is looked at
// once, and what is no link is not looked at twice.
func TestFewQuestions(t *testing.T) {
	for _, mounts := range [][]spec.Mount{
		{ro("/usr"), ro("/etc"), ro("/home/u/work"), ro("/home/u/work/sub")},
		{ro("/usr"), ro("/usr/lib"), ro("/usr/share"), at(rw("/home/u/work"), "/w")},
	} {
		c := counted{host(), map[string]int{}}
		if _, err := NewView(&spec.Spec{Mounts: mounts}, &feature.Facts{Files: c}, Owner{}); err != nil {
			t.Fatal(err)
		}
		for p, n := range c.lstat {
			most := 1
			if last := mounts[len(mounts)-1]; last.Write && last.Source == p {
				most = 2 // once with the other writable trees, before anything else
			}
			if n > most {
				t.Errorf("%s is looked at %d times", p, n)
			}
		}
	}
}
