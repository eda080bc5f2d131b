package bwrap

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// callerUID is the user lichen-test of test/setup: a caller looks itself up.
const callerUID = 1501

// home is a home directory for a real program that calls bwrap.
type home struct {
	t    *testing.T
	dir  string
	uid  int
	path string // PATH
}

// newHome makes one in which bwrap is the program given.
func newHome(t *testing.T, bwrap string) *home {
	t.Helper()
	dir, err := os.MkdirTemp(suiteDir, "home-")
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: dir, uid: os.Getuid(), path: dir + "/bin:/usr/bin:/bin"}
	if h.uid == 0 {
		h.uid = callerUID
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, d := range []string{"bin", "run"} {
		h.check(os.Mkdir(dir+"/"+d, 0o700))
	}
	h.check(os.Symlink(bwrap, dir+"/bin/bwrap"))
	h.own()
	return h
}

func (h *home) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) write(name, text string) {
	h.t.Helper()
	h.check(os.MkdirAll(filepath.Dir(h.dir+"/"+name), 0o755))
	h.check(os.WriteFile(h.dir+"/"+name, []byte(text), 0o644))
}

// own gives what is there to the user.
func (h *home) own() {
	h.t.Helper()
	h.check(filepath.WalkDir(h.dir, func(p string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(p, h.uid, gidOf(h.uid)))
	}))
}

// run runs a program as the user, and returns its output.
func (h *home) run(env []string, name string, args ...string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = h.dir
	cmd.Env = append([]string{"PATH=" + h.path, "HOME=" + h.dir, "XDG_RUNTIME_DIR=" + h.dir + "/run", "LANG=C.UTF-8"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if h.uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.uid)}
	}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Logf("%s: %v", name, err)
	}
	return string(out)
}

// needs gives up on a test for which a file is missing.
func needs(t *testing.T, files ...string) {
	t.Helper()
	if candidate == reference {
		t.Skip("only the reference is asked for")
	}
	for _, pattern := range files {
		if found, err := filepath.Glob(pattern); err != nil || len(found) == 0 {
			skip(t, "no "+pattern)
		}
	}
}

// inLichen is what the payloads look for: process 1 of lichen's sandboxes.
const inLichen = "lichen-init"

// TestThumbnailer: GNOME's library for thumbnails looks for bwrap in the PATH,
// and runs thumbnailers in it, with a filter. The one here makes no picture
// under another process 1 than lichen's.
func TestThumbnailer(t *testing.T) {
	needs(t, "/usr/bin/python3", "/usr/lib/*/girepository-1.0/GnomeDesktop-3.0.typelib", "/usr/lib/python3/dist-packages/gi/__init__.py")
	const program = `
import gi, sys
gi.require_version('GnomeDesktop', '3.0')
from gi.repository import GnomeDesktop
factory = GnomeDesktop.DesktopThumbnailFactory.new(GnomeDesktop.DesktopThumbnailSize.NORMAL)
try:
    picture = factory.generate_thumbnail('file://' + sys.argv[1], 'image/x-lichen')
    print('made', picture.get_width(), picture.get_height())
except gi.repository.GLib.GError as error:
    print('none:', error.message)
`
	for _, tt := range []struct{ name, bwrap, want string }{
		{"lichen", candidate.path, "made 8 4\n"}, {"the reference", reference.path, "none: Child process exited with code 1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, tt.bwrap)
			var picture bytes.Buffer
			h.check(png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 4))))
			h.write("in.lichen", picture.String())
			h.write(".local/share/thumbnailers/lichen.thumbnailer", "[Thumbnailer Entry]\nTryExec=/usr/bin/cp\nMimeType=image/x-lichen;\n"+
				`Exec=/usr/bin/sh -c 'grep -qx `+inLichen+` /proc/1/comm && cp "$0" "$1"' %i %o`+"\n")
			h.own()
			if out := h.run(nil, "/usr/bin/python3", "-c", program, h.dir+"/in.lichen"); !strings.HasSuffix(out, tt.want) {
				t.Errorf("%q, want %q", out, tt.want)
			}
		})
	}
}

// flatpakApp prints who process 1 is, and that flatpak has started it.
const flatpakApp = `
#include <stdio.h>
int main(int argc, char **argv) {
	char text[100];
	const char *files[] = {"/proc/1/comm", "/.flatpak-info"};
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(files[i], "r");
		if (f && fgets(text, sizeof text, f))
			fputs(text, stdout);
	}
	return argc > 1 ? 7 : 0;
}
`

// flatpakScript installs the app and runs it. No system bus is needed, but one is
// looked for.
const flatpakScript = `set -e
export DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS
{
	flatpak build-export --runtime --no-update-summary repo runtime 1
	flatpak build-export repo app 1
	flatpak --user remote-add --no-gpg-verify local repo
	flatpak --user install -y --noninteractive local org.test.Platform//1
	flatpak --user install -y --noninteractive local org.test.Hello//1
} >install.log 2>&1 || { cat install.log; exit 1; }
code=0
flatpak run org.test.Hello//1 more || code=$?
echo exit $code
`

// TestFlatpak: flatpak runs an app of a runtime, both made here. It is told of
// bwrap by a variable, and gives its options in a list by descriptor.
func TestFlatpak(t *testing.T) {
	needs(t, "/usr/bin/flatpak", "/usr/bin/dbus-run-session")
	if uid := os.Getuid(); uid != 0 {
		if _, err := user.LookupId(strconv.Itoa(uid)); err != nil {
			skip(t, "D-Bus serves nobody who is not in /etc/passwd")
		}
	}
	for _, tt := range []struct{ name, bwrap, first string }{
		{"lichen", candidate.path, inLichen}, {"the reference", reference.path, "bwrap"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, tt.bwrap)
			h.flatpak()
			out := h.run([]string{"FLATPAK_BWRAP=" + h.dir + "/bin/bwrap"}, "dbus-run-session", "--", "sh", "-c", flatpakScript)
			if want := tt.first + "\n[Application]\nexit 7\n"; !strings.HasSuffix(out, want) {
				t.Errorf("%q, want %q", out, want)
			}
		})
	}
}

// flatpak lays out an app and its runtime.
func (h *home) flatpak() {
	h.t.Helper()
	arch := strings.TrimSpace(h.run(nil, "flatpak", "--default-arch"))
	runtime := "runtime=org.test.Platform/" + arch + "/1\nsdk=org.test.Platform/" + arch + "/1\n"
	h.write("runtime/metadata", "[Runtime]\nname=org.test.Platform\n"+runtime)
	h.write("runtime/usr/bin/nothing", "")
	h.write("app/metadata", "[Application]\nname=org.test.Hello\ncommand=hello\n"+runtime)
	h.write("app/files/bin/hello.c", flatpakApp)
	h.check(os.MkdirAll(h.dir+"/runtime/files/etc", 0o755))
	h.check(os.MkdirAll(h.dir+"/app/export", 0o755))
	program := h.dir + "/app/files/bin/hello"
	if out, err := exec.Command("cc", "-static", "-o", program, program+".c").CombinedOutput(); err != nil {
		h.t.Fatalf("cc: %v\n%s", err, out)
	}
	h.own()
}
