package test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestFullDisk protects reports: output that cannot be written is an error.
func TestFullDisk(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		b.check(err)
		defer full.Close()
		for _, args := range [][]string{{"plan", "--", "true"}, {"plan", "--json", "--", "true"}, {"profile", "list"}, {"profile", "show", "default"}, {"doctor"}, {"completion", "bash"}, {"--version"}, {"--help"}, {"run", "--help"}} {
			o := b.do(command{args: lichenArgs(args...), stdout: full})
			b.fails(o, 125, "no space left")
		}
		in := b.inside(nil, "fill /tmp/big 1073741824", "create /tmp/after x")
		b.expect("inside", in["fill /tmp/big 1073741824"], "ENOSPC")
		o := b.do(command{args: append(runArgs(), "sh", "-c", "echo x >&2; exit 9"), stderr: full})
		if o.code != 9 && o.code != 2 {
			t.Errorf("a full standard error: %+v", o)
		}
		o = b.do(command{args: lichenArgs("run", "--ro", "/nonexistent", "--", "true"), stderr: full})
		if o.code != 125 {
			t.Errorf("an error that cannot be written: %+v", o)
		}
	})
}

// TestTightLimits protects callers with few resources: the error says which.
func TestTightLimits(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		limited := func(limit string, args []string) command {
			return command{args: append([]string{"prlimit", limit, "--"}, args...)}
		}
		for n := range 24 {
			o := b.do(limited(fmt.Sprintf("--nofile=%d", n), probeArgs(nil, "fds")))
			if o.code == 0 {
				if n < 4 {
					t.Errorf("%d descriptors are enough?", n)
				}
				continue
			}
			if o.code == 125 {
				b.fails(o, 125, "lichen: ")
				if n > 6 && !strings.Contains(o.stderr, "ulimit -n") {
					t.Errorf("%d descriptors: %q", n, o.stderr)
				}
			} else if n > 10 {
				t.Errorf("%d descriptors: %+v", n, o)
			}
		}
		o := b.do(limited("--nofile=20", probeArgs(nil, "fds")))
		if o.code != 0 {
			t.Errorf("20 descriptors are not enough: %+v", o)
		}
	})
}

// TestNoMoreProcesses protects a user at the limit of processes. The limit
// counts a user's processes everywhere, hence a user of its own.
func TestNoMoreProcesses(t *testing.T) {
	if os.Getuid() != 0 {
		skip(t, "the suite is not root")
	}
	const uid = 1777
	b := newBox(t, user{"full", uid})
	for n := 1; n < 12; n++ {
		o := b.do(command{args: append(append([]string{"prlimit", fmt.Sprintf("--nproc=%d", n), "--"}, runArgs()...), "true")})
		switch {
		case o.code == 0:
			return // from here on there is room
		case o.code == 125:
			b.fails(o, 125, "ulimit -u")
		case !bytes.Contains([]byte(o.stderr), []byte("runtime")):
			t.Errorf("%d processes: %+v", n, o)
		}
	}
	t.Error("12 processes are not enough")
}

// TestOpenFiles protects the caller's limit on open files, which the Go runtime
// raises for lichen itself: the payload gets what the caller has set.
func TestOpenFiles(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, c := range []struct {
			name    string
			ulimit  string
			options []string
			want    string // soft, hard
		}{
			{"the caller's", "ulimit -Sn 512", nil, "512 1000"},
			{"without namespaces", "ulimit -Sn 512", []string{"-p", "landlock", "--cwd", "/"}, "512 1000"},
			{"the profile's", "ulimit -Sn 512", []string{"--limit", "nofile=100"}, "100 100"},
			{"the profile's, above the caller's", "ulimit -Sn 512", []string{"--limit", "nofile=700:900"}, "700 900"},
			{"another limit", "ulimit -Sn 512", []string{"--limit", "core=0"}, "512 1000"},
			{"nothing raised", "ulimit -Sn 1000", nil, "1000 1000"},
		} {
			if len(c.options) > 1 && c.options[1] == "landlock" && !b.mayUse(c.options...) {
				continue
			}
			args := append(lichenArgs("run"), c.options...)
			args = append(args, "--", "sh", "-c", `echo $(ulimit -Sn) $(ulimit -Hn)`)
			o := b.do(command{args: append([]string{"sh", "-c", c.ulimit + `; ulimit -Hn 1000; exec "$@"`, "sh"}, args...)})
			if o.code != 0 || o.stdout != c.want+"\n" {
				t.Errorf("%s: %+v, want %s", c.name, o, c.want)
			}
		}
	})
}
