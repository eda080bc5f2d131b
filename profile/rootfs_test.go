package profile

import (
	"path/filepath"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// TestImageOptions: the options of the command line, with paths meant from the
// working directory.
func TestImageOptions(t *testing.T) {
	empty, uid := "", uint32(5)
	for _, tt := range []struct {
		o    Overrides
		want spec.Rootfs
	}{
		{Overrides{Image: "debian:bookworm"}, spec.Rootfs{Image: "debian:bookworm"}},
		{Overrides{Image: "oci:img:v1", Write: "./kept"}, spec.Rootfs{Image: "oci:/work/p/img:v1", Write: spec.WriteKeep, Keep: "/work/p/kept"}},
		{Overrides{Image: "tar:./$x.tar"}, spec.Rootfs{Image: "tar:/work/p/$x.tar"}},
		{Overrides{Image: "dir:/r", Write: "tmpfs", Size: "2M", IDs: "fake"}, spec.Rootfs{Image: "dir:/r", Write: spec.WriteTmpfs, Size: 2 << 20, IDs: spec.IDsFake}},
		{Overrides{Image: "a", Write: "none", Pull: "always", Platform: "linux/arm", Entrypoint: &empty, UID: &uid},
			spec.Rootfs{Image: "a", Pull: spec.PullAlways, Platform: "linux/arm", Entrypoint: []string{}}},
	} {
		p, err := builtins("x", "").LoadWith("x", &tt.o)
		if err != nil {
			t.Error(err)
			continue
		}
		got := p.Spec.Rootfs
		if len(got.Entrypoint) != 0 || (got.Entrypoint == nil) != (tt.want.Entrypoint == nil) {
			t.Errorf("%+v: the entry point is %#v", tt.o, got.Entrypoint)
		}
		got.Entrypoint, tt.want.Entrypoint = nil, nil
		if got.Image != tt.want.Image || got.Keep != tt.want.Keep || got.Write != tt.want.Write || got.Size != tt.want.Size ||
			got.IDs != tt.want.IDs || got.Pull != tt.want.Pull || got.Platform != tt.want.Platform {
			t.Errorf("%+v:\n%+v\nwant\n%+v", tt.o, got, tt.want)
		}
		if tt.o.UID != nil && *p.Spec.Process.UID != uid {
			t.Errorf("uid %d", *p.Spec.Process.UID)
		}
	}
}

// TestHostGrants: what the host's programs need makes way for an image; what a
// profile grants for its own sake does not.
func TestHostGrants(t *testing.T) {
	l := builtins("x", "[fs]\nhost = ['/usr', '/bin?']\nro = ['/data']")
	for image, want := range map[string]string{"": "/usr@built-in x:3/0 /bin@built-in x:3/0 /data@built-in x:4/0", "debian": "/data@built-in x:4/0"} {
		p, err := l.LoadWith("x", &Overrides{Image: image})
		if err != nil {
			t.Fatal(err)
		}
		if got := targets(p); got != want {
			t.Errorf("image %q: mounts %q, want %q", image, got, want)
		}
	}
}

// TestGuardedDirectories: the store of images decides what the next run runs.
func TestGuardedDirectories(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(root, "share/images")
	l := builtins("x", "")
	l.Guarded = []string{store}
	const cover, own = "cover it", "a directory of its own"
	for _, tt := range []struct {
		o    Overrides
		hint string // of the error; none is expected where it is empty
	}{
		{Overrides{ReadWrite: []string{root}}, cover},
		{Overrides{ReadWrite: []string{store}}, cover},
		{Overrides{ReadWrite: []string{store + "/trees"}}, cover},
		{Overrides{ReadOnly: []string{root}}, ""},
		{Overrides{ReadWrite: []string{root + "/other"}}, ""},
		{Overrides{ReadWrite: []string{root}, Hide: []string{store}}, ""},
		{Overrides{ReadWrite: []string{root + "/w"}, Image: "x", Write: root + "/w/kept"}, cover},
		{Overrides{Image: "x", Write: root}, own},
		{Overrides{Image: "x", Write: store + "/k"}, own},
		{Overrides{Image: "x", Write: root + "/k"}, ""},
	} {
		_, err := l.LoadWith("x", &tt.o)
		if (err == nil) != (tt.hint == "") {
			t.Errorf("%+v: %v", tt.o, err)
		}
		if err != nil {
			wantError(t, err, tt.hint, "the payload could write "+root, "(command line)")
		}
	}
}
