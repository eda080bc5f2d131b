package test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asOwn runs lichen with LISTEN_PID naming itself, as a manager would.
func asOwn(env string, args ...string) []string {
	return append([]string{"sh", "-c", "export LISTEN_PID=$$ " + env + `; exec "$@"`, "sh"}, args...)
}

const showListen = `env | grep ^LISTEN_ | sort | sed "s/PID=$$\$/PID=own/"; for fd in 3 4 5 6; do if [ -e /proc/self/fd/$fd ]; then readlink /proc/$$/fd/$fd | cut -d: -f1; fi; done`

// TestPassedDescriptors: those that are meant for lichen's process, all of them
// and no others; the number of the process is the payload's.
func TestPassedDescriptors(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		r, w, err := os.Pipe()
		b.check(err)
		defer r.Close()
		defer w.Close()
		extra := []*os.File{r, w}
		keep := b.profile("version = 1\nextends = ['service']\n[env]\nkeep = ['*', 'LISTEN_PID', 'LISTEN_FDS']\n")
		off := b.file(b.dir+"/off.toml", "version = 1\nextends = ['service']\n[service]\nlisten = false\n[env]\nkeep = ['*']\n")
		for _, c := range []struct{ name, env, profile, want string }{
			{"passed", "LISTEN_FDS=2 LISTEN_FDNAMES=a:b", "service", "LISTEN_FDNAMES=a:b\nLISTEN_FDS=2\nLISTEN_PID=own\npipe\npipe\n"},
			{"fewer", "LISTEN_FDS=1", keep, "LISTEN_FDS=1\nLISTEN_PID=own\npipe\n"},
			{"none", "LISTEN_FDS=0", keep, ""},
			{"stale", "LISTEN_FDS=2 LISTEN_PID=1", keep, ""},
			{"stale and broken", "LISTEN_FDS=x LISTEN_PID=1 LISTEN_PIDFDID=4", keep, ""},
			{"not asked for", "LISTEN_FDS=2", off, ""},
		} {
			o := b.do(command{args: asOwn(c.env, append(lichenArgs("run", "-p", c.profile), "--", "sh", "-c", showListen)...), extra: extra})
			if o.code != 0 || o.stdout != c.want || o.stderr != "" {
				t.Errorf("%s: %+v, want %q", c.name, o, c.want)
			}
		}
		run := append(lichenArgs("run", "-p", "service"), "--", "true")
		dir, err := os.Open("/")
		b.check(err)
		defer dir.Close()
		path, err := unix.Open("/etc/passwd", unix.O_PATH|unix.O_CLOEXEC, 0)
		b.check(err)
		door := os.NewFile(uintptr(path), "door")
		defer door.Close()
		b.fails(b.do(command{args: asOwn("LISTEN_FDS=1", run...), extra: []*os.File{dir}}), 125, "descriptor 3", "it is a directory", "LISTEN_FDS")
		b.fails(b.do(command{args: asOwn("LISTEN_FDS=1", run...), extra: []*os.File{door}}), 125, "descriptor 3", "O_PATH")
		b.fails(b.do(command{args: asOwn("LISTEN_FDS=9", run...), extra: extra}), 125, "descriptor 5", "not open")
		b.fails(b.do(command{args: asOwn("LISTEN_FDS=1 LISTEN_FDNAMES=a:b", run...), extra: extra}), 125, "LISTEN_FDNAMES", "2 names for 1")
		status := append(lichenArgs("run", "-p", "service", "--status-fd", "4"), "--", "true")
		b.fails(b.do(command{args: asOwn("LISTEN_FDS=2", status...), extra: extra}), 125, "descriptor 4", "status")
		if b.user.uid != 0 {
			alone := append(lichenArgs("run", "-p", "landlock"), "--", "true")
			b.fails(b.do(command{args: asOwn("LISTEN_FDS=1", append(lichenArgs("run", "-p", b.profile("version = 1\nextends = ['landlock']\n[service]\nlisten = true\n")), "--", "true")...), extra: extra}),
				125, "LISTEN_PID", "not known before")
			if o := b.do(command{args: asOwn("LISTEN_FDS=1", alone...), extra: extra}); o.code != 0 {
				t.Errorf("landlock, not asked for: %+v", o)
			}
		}
	})
}

// TestPassedDescriptorsWithRanges: with ranges of ids another process comes first
// inside, and the number is the one after.
func TestPassedDescriptorsWithRanges(t *testing.T) {
	forRanges(t, func(t *testing.T, b *box) {
		root := b.tree("root", usualTree...)
		profile := b.profile("version = 1\nextends = ['image']\n[service]\nlisten = true\n")
		r, w, err := os.Pipe()
		b.check(err)
		defer r.Close()
		defer w.Close()
		probes := []string{"read /proc/self/environ", "read /proc/self/stat"}
		args := append(lichenArgs("run", "-p", profile, "--image", "dir:"+root, "--ids", "subuid", "--write", "tmpfs"), "--", "/bin/probe")
		in := b.answers(command{args: asOwn("LISTEN_FDS=1", append(args, probes...)...), extra: []*os.File{r}}, probes)
		env, stat := in[probes[0]].Out, in[probes[1]].Out
		if !strings.Contains(env, "LISTEN_PID=3\x00") || !strings.Contains(env, "LISTEN_FDS=1\x00") || !strings.HasPrefix(stat, "3 (") {
			t.Errorf("%q, %q", env, stat)
		}
	})
}
