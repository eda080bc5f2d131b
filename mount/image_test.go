package mount

import (
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/feature/fakehost"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/spec"
)

// imageHost has an image whose links mean something else on the host.
func imageHost() fakehost.Files {
	f := host()
	for p, kind := range fakehost.Parse("/img/usr/bin dir\n/img/etc/passwd file\n/img/proc dir\n/img/run dir\n" +
		"/img/var/run -> /run\n/img/bin -> usr/bin\n/img/etc/mtab -> /proc/mounts\n/img/data -> /home/u/work\n") {
		f[p] = kind
	}
	return f
}

func onImage(change func(*spec.Mount), mounts ...spec.Mount) *spec.Spec {
	root := spec.Mount{Type: spec.MountImage, Source: "/img", Target: "/", Origin: origin(9)}
	if change != nil {
		change(&root)
	}
	return &spec.Spec{Mounts: append([]spec.Mount{root}, mounts...)}
}

// TestImageView protects what is decided about an image's targets: nothing is
// ever made in its tree, and its links are its own.
func TestImageView(t *testing.T) {
	dirOptional := optional(special(spec.MountDir, "/work"))
	for _, c := range []struct {
		name    string
		root    func(*spec.Mount)
		mounts  []spec.Mount
		layered bool
		missing string // of the last mount
		want    string
		err     string
		hint    string
	}{
		{name: "all there", mounts: []spec.Mount{special(spec.MountProc, "/proc")}, want: "proc /proc"},
		{name: "writable", root: func(m *spec.Mount) { m.Write = true }, mounts: []spec.Mount{special(spec.MountProc, "/proc")}, layered: true, want: "proc /proc"},
		{name: "a missing target", mounts: []spec.Mount{special(spec.MountTmpfs, "/tmp")}, layered: true, missing: "tmp", want: "tmpfs /tmp"},
		{name: "two levels missing", mounts: []spec.Mount{at(ro("/usr"), "/opt/a/b")}, layered: true, missing: "opt", want: "bind /opt/a/b=/usr"},
		{name: "the last level missing", mounts: []spec.Mount{at(ro("/usr"), "/usr/bin/x")}, layered: true, missing: "usr/bin/x", want: "bind /usr/bin/x=/usr"},
		{name: "through a link of the image", mounts: []spec.Mount{special(spec.MountTmpfs, "/var/run")}, want: "tmpfs /var/run"},
		{name: "a link that leads out on the host, nowhere inside", mounts: []spec.Mount{special(spec.MountTmpfs, "/data")}, err: "a link there that leads nowhere", hint: "SRC:DEST"},
		{name: "the same, optional", mounts: []spec.Mount{optional(at(ro("/usr"), "/data"))}, want: ""},
		{name: "a file over such a link, optional", mounts: []spec.Mount{optional(at(ro("/etc/passwd"), "/data"))}, layered: true, missing: "data", want: "bind /data=/etc/passwd file"},
		{name: "a file over a directory", mounts: []spec.Mount{at(ro("/etc/passwd"), "/run")}, err: "a file cannot cover a directory of the image"},
		{name: "a file of the host over one of the image", mounts: []spec.Mount{ro("/etc/passwd")}, want: "bind /etc/passwd=/etc/passwd file"},
		{name: "a link where the image has something", mounts: []spec.Mount{{Type: spec.MountSymlink, Source: "x", Target: "/run"}}, want: ""},
		{name: "a link where it has nothing", mounts: []spec.Mount{{Type: spec.MountSymlink, Source: "x", Target: "/y"}}, layered: true, missing: "y", want: "symlink /y=x"},
		{name: "an empty directory over one of the image", mounts: []spec.Mount{special(spec.MountDir, "/run")}, want: "hide /run"},
		{name: "a directory only if missing, and it is", mounts: []spec.Mount{dirOptional}, layered: true, missing: "work", want: "dir /work"},
		{name: "a directory only if missing, and it is not", mounts: []spec.Mount{optional(special(spec.MountDir, "/run"))}, want: ""},
		{name: "a file only where its directory is, and it is not", mounts: []spec.Mount{optional(special(spec.MountFile, "/opt/x"))}, want: ""},
		{name: "a file only where its directory is, and it is", mounts: []spec.Mount{optional(special(spec.MountFile, "/etc/x"))}, layered: true, missing: "etc/x", want: "file /etc/x file"},
		{name: "hide", mounts: []spec.Mount{special(spec.MountHide, "/etc/passwd")}, want: "hide /etc/passwd file"},
		{name: "hide what is missing", mounts: []spec.Mount{special(spec.MountHide, "/home")}, err: "the image has nothing there", hint: `"/home?"`},
		{name: "hide what is missing, optional", mounts: []spec.Mount{optional(special(spec.MountHide, "/home"))}, want: ""},
		{name: "no image", root: func(m *spec.Mount) { m.Source = "/none" }, err: "use root file system /none: file does not exist (t.toml:9)"},
		{name: "a file", root: func(m *spec.Mount) { m.Source = "/etc/passwd" }, err: "not a directory"},
		{name: "in a writable tree behind a link", root: func(m *spec.Mount) { m.Source = "/data/sub" }, mounts: []spec.Mount{at(rw("/home/u/work"), "/run")}, layered: true, missing: "run", want: "bind /run=/home/u/work rw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := NewView(onImage(c.root, c.mounts...), &feature.Facts{Files: imageHost()}, Owner{})
			checkError(t, err, c.err, c.hint)
			if err != nil {
				return
			}
			if describe(v) != c.want || v.Root().layered != c.layered {
				t.Errorf("got  %s, layered %v\nwant %s, layered %v", describe(v), v.Root().layered, c.want, c.layered)
			}
			if n := len(v.Nodes); n > 0 && v.Nodes[n-1].missing != c.missing {
				t.Errorf("missing %q, want %q", v.Nodes[n-1].missing, c.missing)
			}
		})
	}
}

// TestImageOps: an image that lacks nothing is bound read-only, and none of the
// ops for another one names a path in its tree to make something there.
func TestImageOps(t *testing.T) {
	for name, s := range map[string]*spec.Spec{
		"bound":   onImage(nil, special(spec.MountProc, "/proc")),
		"layered": onImage(nil, at(ro("/usr"), "/opt/a/b"), at(ro("/etc/passwd"), "/opt/f")),
	} {
		v, err := NewView(s, &feature.Facts{Files: imageHost()}, Owner{})
		if err != nil {
			t.Fatal(err)
		}
		b := plan.NewBuilder()
		v.Compile(b)
		p, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		var text writer
		if err := p.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			in   string
			text string
			is   bool
		}{
			{"bound", `fsopen("overlay"`, false}, {"bound", "MOUNT_ATTR_RDONLY", true},
			{"layered", `fsopen("overlay"`, true}, {"layered", "RESOLVE_NO_XDEV", true}, {"layered", `mknodat(`, true},
			{"layered", "# seal the new root", true},
		} {
			if want.in == name && text.has(want.text) != want.is {
				t.Errorf("%s: %q: %v, want %v\n%s", name, want.text, !want.is, want.is, text)
			}
		}
	}
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) { *w = append(*w, p...); return len(p), nil }
func (w writer) String() string               { return string(w) }
func (w writer) has(s string) bool            { return strings.Contains(string(w), s) }
