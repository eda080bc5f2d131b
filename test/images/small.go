package images

import (
	"archive/tar"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// applets of the busybox image that are hard links; the others are symbolic.
const applets = "sh ls cat echo true false id env mount ps sleep test [ mkdir rm cp mv ln chmod chown stat find grep sed awk head tail wc touch uname hostname pwd printenv readlink vi tar gzip wget"

func busybox() (Image, error) {
	files, err := baseLayer("busybox")
	if err != nil {
		return Image{}, err
	}
	binary, err := files.file("bin/busybox")
	if err != nil {
		return Image{}, err
	}
	entries := []Entry{dir("bin/", 0o755), {Name: "bin/busybox", Mode: 0o755, Body: binary}}
	for i, name := range strings.Fields(applets) {
		e := Entry{Name: "bin/" + name, Type: tar.TypeLink, Link: "bin/busybox", Mode: 0o755}
		if i%2 == 1 {
			e = link("bin/"+name, "busybox")
		}
		entries = append(entries, e)
	}
	entries = append(entries,
		dir("etc/", 0o755),
		Entry{Name: "etc/passwd", Body: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n"},
		Entry{Name: "etc/group", Body: "root:x:0:\nnobody:x:65534:\n"},
		Entry{Name: "etc/shadow", Mode: 0o600, Body: "root:*:::::::\n"},
		dir("root/", 0o700), dir("tmp/", 0o1777), dir("usr/", 0o755), dir("var/", 0o755),
		dir("proc/", 0o555), dir("sys/", 0o555), dir("dev/", 0o755),
		Entry{Name: "home/", Type: tar.TypeDir, UID: 65534, GID: 65534},
	)
	layer, err := NewLayer(entries)
	return Image{Layers: []Layer{layer}, Config: Config{Env: []string{"PATH=/bin"}, Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"echo busybox"}}}, err
}

// staticSource tells who and where it is, without a library, a shell or a file.
const staticSource = `#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char cwd[4096];
	printf("static uid %d gid %d cwd %s", (int)getuid(), (int)getgid(), getcwd(cwd, sizeof cwd) ? cwd : "?");
	for (int i = 1; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\n");
	return 0;
}
`

var staticProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "lichen-images-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "static.c"), []byte(staticSource), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command("cc", "-O2", "-static", "-s", "-o", "static", "static.c")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w (cc: %w: %s)", ErrNotHere, err, out)
	}
	return os.ReadFile(filepath.Join(dir, "static"))
})

// static has no /etc/passwd, no /tmp, no /proc, and not the directory that it
// says it works in.
func static() (Image, error) {
	program, err := staticProgram()
	if err != nil {
		return Image{}, err
	}
	layer, err := NewLayer([]Entry{{Name: "app", Mode: 0o755, Body: string(program)}})
	return Image{Layers: []Layer{layer}, Config: Config{User: "65532:65532", WorkingDir: "/srv/missing", Entrypoint: []string{"/app"}, Cmd: []string{"ok"}}}, err
}
