package test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/test/images"
)

// imageLimit is for commands that may fetch and unpack a Debian.
const imageLimit = 120 * time.Second

// image runs lichen with an image; what the image is fetched with goes to
// standard error.
func (b *box) image(ref string, args ...string) output {
	b.t.Helper()
	return b.do(command{args: append(lichenArgs("run", "--image", ref), args...), limit: imageLimit})
}

func (b *box) wants(what string, o output, code int, stdout string) {
	b.t.Helper()
	if o.code != code || o.stdout != stdout {
		b.t.Errorf("%s: status %d, %q, want %d, %q\n%s", what, o.code, o.stdout, code, stdout, o.stderr)
	}
}

// TestImageFromRegistry: the first run fetches, the next ones need no registry;
// and what the image says of its command, user, directory and environment holds
// unless the profile or an option says otherwise.
func TestImageFromRegistry(t *testing.T) {
	static := images.Static(t, images.Zstd)
	forUsers(t, func(t *testing.T, b *box) {
		registry, err := images.NewRegistry(static)
		b.check(err)
		host, stop, err := images.Listen(registry)
		b.check(err)
		defer stop()
		ref := host + "/static"
		b.fails(b.do(command{args: lichenArgs("plan", "--image", ref)}), 125, "it is not in the store", "hint: fetch it: lichen image pull "+ref)
		b.fails(b.image(ref, "--pull", "never"), 125, "it is not in the store")
		const says = "static uid 65532 gid 65532 cwd /srv/missing ok\n"
		o := b.image(ref)
		b.wants("the first run", o, 0, says)
		stop()
		o = b.image(ref)
		b.wants("without the registry", o, 0, says)
		if o.stderr != "" {
			t.Errorf("a warm run says %q", o.stderr)
		}
		b.wants("other ids and directory", b.image(ref, "--uid", "7", "--gid", "8", "--cwd", "/"), 0, "static uid 7 gid 8 cwd / ok\n")
		b.fails(b.image(ref, "--pull", "always"), 125, "lichen: ")
		plan := b.do(command{args: lichenArgs("plan", "--image", ref)})
		if plan.code != 0 || !strings.Contains(plan.stdout, "(image "+ref) {
			t.Errorf("the plan does not say what comes from the image: %d, %s", plan.code, plan.stderr)
		}
	})
}

// TestStoreIsOutOfReach protects P8: a payload can change no image, its own
// least of all.
func TestStoreIsOutOfReach(t *testing.T) {
	busybox := images.Busybox(t, images.Gzip)
	forUsers(t, func(t *testing.T, b *box) {
		ref := "oci:" + busybox
		b.wants("first", b.image(ref, "--entrypoint", "", "--", "/bin/sh", "-c", "echo ok"), 0, "ok\n")
		store := b.home + "/.local/share/lichen/images"
		for _, options := range [][]string{{"--rw", store}, {"--rw", store + "/trees"}, {"--rw", b.home + "/.local:/x"}} {
			b.fails(b.image(ref, append(options, "--", "/bin/true")...), 125, "lichen/images", "hint:")
			b.fails(b.do(command{args: append(append(lichenArgs("run"), options...), "--", "/bin/true")}), 125, "lichen/images", "hint:")
		}
		before := listTree(b, store)
		for _, write := range []string{"none", "tmpfs", b.dir + "/kept"} {
			o := b.image(ref, "--write", write, "--entrypoint", "", "--", "/bin/sh", "-c", "rm -rf /bin /etc /home 2>/dev/null; echo x >/x; :")
			if o.code != 0 {
				t.Errorf("--write %s: status %d, %s", write, o.code, o.stderr)
			}
		}
		if after := listTree(b, store); after != before {
			t.Errorf("the store changed:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// TestLeaseHoldsTree: an image that a sandbox runs from is not removed under it.
func TestLeaseHoldsTree(t *testing.T) {
	busybox := images.Busybox(t, images.Plain)
	forUsers(t, func(t *testing.T, b *box) {
		ref := "oci:" + busybox
		in, out, err := os.Pipe()
		b.check(err)
		defer out.Close()
		run := b.start(command{args: append(lichenArgs("run", "--image", ref, "--entrypoint", "", "--"), "/bin/sh", "-c", "echo up; read x; cat /etc/passwd >/dev/null && echo fine"), stdin: in})
		in.Close()
		if up := run.line(); up != "up" {
			t.Fatalf("the sandbox says %q", up)
		}
		o := b.do(command{args: lichenArgs("image", "rm", ref), limit: imageLimit})
		if o.code == 0 || !strings.Contains(o.stderr, "a sandbox uses it") {
			t.Errorf("rm: status %d, %s%s", o.code, o.stdout, o.stderr)
		}
		out.WriteString("\n")
		b.wants("the sandbox", run.wait(), 0, "fine")
		if o := b.do(command{args: lichenArgs("image", "rm", ref), limit: imageLimit}); o.code != 0 {
			t.Errorf("rm afterwards: status %d, %s", o.code, o.stderr)
		}
	})
}

// repository serves Debian packages on loopback, for apt.
func (b *box) repository() (url string) {
	b.t.Helper()
	debs, err := images.Packages()
	if err != nil {
		skip(b.t, err.Error())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	b.check(err)
	server := &http.Server{Handler: http.FileServer(http.Dir(debs))}
	go server.Serve(listener)
	b.t.Cleanup(func() { server.Close() })
	return "http://" + listener.Addr().String() + "/"
}

// TestPackageManagers: apt works in a writable image of a user who has one id:
// update and install, over the network, with scripts of packages that change
// owners.
func TestPackageManagers(t *testing.T) {
	debian := images.Debian(t, images.Gzip)
	forUsers(t, func(t *testing.T, b *box) {
		script := `set -e
echo "deb [trusted=yes] ` + b.repository() + ` ./" >/etc/apt/sources.list
rm -f /etc/apt/sources.list.d/*
apt-get update -qq
apt-get install -y -qq hello python3-minimal >/dev/null
hello
useradd --create-home somebody
chown somebody /home/somebody
python3 -c 'print(6*7)'
dpkg --audit
dpkg -s hello | grep ^Status`
		const says = "Hello, world!\n42\nStatus: install ok installed\n"
		kept := b.dir + "/kept"
		b.wants("install", b.image("oci:"+debian, "--ids", "fake", "--write", kept, "--net", "host", "--", "bash", "-c", script), 0, says)
		b.wants("the next run", b.image("oci:"+debian, "--ids", "fake", "--write", kept, "--", "hello"), 0, "Hello, world!\n")
		o := b.image("oci:"+debian, "--", "hello")
		if o.code != 127 {
			t.Errorf("the image itself has it: status %d, %s", o.code, o.stdout)
		}
	})
}

// TestPythonImage: a script of the caller's, run as the image's user.
func TestPythonImage(t *testing.T) {
	python := images.Python(t, images.Gzip)
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.work+"/script.py", "import os, sys\nprint(os.getuid(), os.getcwd(), sys.argv[1:])\nopen('/tmp/x', 'w').write('1')\n")
		o := b.image("oci:"+python, "--ro", b.work+":/work", "--entrypoint", "", "--", "python3", "/work/script.py", "a")
		b.wants("python", o, 0, "1000 /app ['a']\n")
	})
}

// TestImagesWithRanges: with subordinate ids files have the owners that the
// image gives them, and apt needs no pretence.
func TestImagesWithRanges(t *testing.T) {
	debian := images.Debian(t, images.Zstd)
	forRanges(t, func(t *testing.T, b *box) {
		script := `set -e
echo "deb [trusted=yes] ` + b.repository() + ` ./" >/etc/apt/sources.list
rm -f /etc/apt/sources.list.d/*
apt-get update -qq
apt-get install -y -qq hello >/dev/null
hello
touch /f; chown 33:42 /f; stat -c %u:%g /f /etc/shadow`
		b.wants("ranges", b.image("oci:"+debian, "--ids", "subuid", "--write", "tmpfs", "--net", "host", "--", "bash", "-c", script), 0, "Hello, world!\n33:42\n0:42\n")
		// The trees can only be removed with the ranges.
		o := b.do(command{args: lichenArgs("image", "rm", "oci:"+debian), limit: imageLimit})
		if o.code != 0 {
			t.Errorf("rm: %s", o.stderr)
		}
		if trees, _ := filepath.Glob(b.home + "/.local/share/lichen/images/trees/*"); len(trees) != 0 {
			t.Errorf("left: %q", trees)
		}
	})
}
