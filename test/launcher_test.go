package test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLauncherIsClosed protects P4: PID 1 is a copy of the launcher, and shows
// nothing of it.
func TestLauncherIsClosed(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		root := "version = 1\nextends = ['default']\n[process]\nuid = 0\ngid = 0\n"
		for _, options := range [][]string{nil, {"-p", b.profile(root)}, {"--nested"}, {"--net", "host"}} {
			if !b.mayUse(options...) {
				continue
			}
			var list []attack
			for _, name := range []string{"environ", "mem", "maps", "auxv", "smaps", "pagemap", "stack", "syscall", "io", "personality"} {
				list = append(list, attack{"read /proc/1/" + name, "EACCES EPERM ENOENT EIO", ""})
			}
			for _, name := range []string{"exe", "cwd", "root", "fd/0", "fd/1", "ns/user", "ns/mnt", "ns/net"} {
				list = append(list, attack{"readlink /proc/1/" + name, "EACCES EPERM", ""})
			}
			list = append(list, attack{"attach 1", "EPERM", ""}, attack{"seize 1", "EPERM", ""}, attack{"vmread 1", "EPERM", ""},
				attack{"getfd 1", "EPERM ENOSYS", ""}, attack{"setns /proc/1/ns/user", "EACCES EPERM", ""},
				attack{"kill 1", "EPERM", ""}, attack{"kill 1 9", "EPERM", ""}, attack{"kill 1 15", "EPERM", ""}, attack{"pidfd 1 9", "EPERM", ""},
				attack{"openw /proc/1/oom_score_adj", "EACCES EPERM EROFS", ""}, attack{"openw /proc/1/mem", "EACCES EPERM EROFS", ""},
				// The same on oneself is no problem, so it is not the call.
				attack{"read /proc/self/environ", "ok", "ok"}, attack{"readlink /proc/self/exe", "ok", "ok"})
			b.attacks(options, list)
		}
	})
}

// TestArgumentsStayOutside protects P4: command lines carry secrets, and
// /proc/1/cmdline needs no right over the process.
func TestArgumentsStayOutside(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		o := b.do(command{args: append(runArgs("--env", "SECRET=hunter2"), binDir+"/probe", "env", "read /proc/1/cmdline", "read /proc/1/comm", "read /proc/1/stat", "read /proc/1/status")})
		in := parseAnswers(t, o.stdout)
		if !strings.Contains(in["env"].Out, "SECRET=hunter2") {
			t.Errorf("the payload's own environment lacks it: %q", in["env"].Out)
		}
		for probe, a := range in {
			if probe == "env" {
				continue
			}
			if strings.Contains(a.Out, "hunter2") || strings.Contains(a.Out, "--env") || strings.Contains(a.Out, b.work) {
				t.Errorf("%s shows %q", probe, a.Out)
			}
		}
	})
}

// TestEnvironmentIsAList protects P4: only what is named gets in.
func TestEnvironmentIsAList(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		env := []string{"AWS_SECRET=1", "LC_TIME=C", "LANG=C", "GO_FLAGS_COMPLETION=1", "LD_PRELOAD=/x", "TERM=dumb", "=odd=1", "NOEQUALS"}
		o := b.do(command{args: append(runArgs("--env", "AWS_REGION", "--env", "A=b=c", "--env", "EMPTY="), binDir+"/probe", "env"), env: append(env, "AWS_REGION=eu")})
		got := strings.Fields(parseAnswers(t, o.stdout)["env"].Out)
		want := "A=b=c AWS_REGION=eu EMPTY= HOME=" + b.home + " LANG=C LC_TIME=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin TERM=dumb USER=plain"
		if strings.Join(got, " ") != want {
			t.Errorf("environment %q\nwant %q", got, want)
		}
	})
}

// TestDescriptors protects P4: descriptors of the caller are not inherited
// unless they are listed, and only open ones can be.
func TestDescriptors(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		secret, err := os.Open(b.file(b.outside+"/secret", canary))
		b.check(err)
		defer secret.Close()
		extra := make([]*os.File, 5) // descriptor 7 is the last
		for i := range extra {
			extra[i] = secret
		}
		args := func(options ...string) []string { return probeArgs(options, "fds", "readfd 7") }
		in := parseAnswers(t, b.do(command{args: args(), extra: extra}).stdout)
		if in["fds"].Out != "0 1 2" || in["readfd 7"].Err != "EBADF" {
			t.Errorf("not listed: %v", in)
		}
		in = parseAnswers(t, b.do(command{args: args("--keep-fd", "7"), extra: extra}).stdout)
		if in["fds"].Out != "0 1 2 7" || in["readfd 7"].Out != canary {
			t.Errorf("listed: %v", in)
		}
		// Numbers that are not open in the caller may be open in lichen: its
		// control socket, the host's /proc.
		for fd := 3; fd < 16; fd++ {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
				continue // the suite itself was started with it
			}
			for _, options := range [][]string{nil, {"--nested"}, {"-p", "landlock"}} {
				if !b.mayUse(options...) {
					continue
				}
				o := b.do(command{args: args(append(options, "--keep-fd", strconv.Itoa(fd))...)})
				b.fails(o, 125, "descriptor "+strconv.Itoa(fd))
			}
		}
		for _, bad := range []string{"0", "2", "-1", "99999999", "x"} {
			b.fails(b.do(command{args: args("--keep-fd=" + bad)}), 125)
		}
	})
}

// TestClosedStandardDescriptors protects P4: where the caller has closed 0, 1
// or 2, nothing of lichen's own may take their place.
func TestClosedStandardDescriptors(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, closed := range []string{"0<&-", "2>&-", "0<&- 2>&-", "1>&-", "0<&- 1>&- 2>&-"} {
			out := b.ctl + "/out"
			script := `"$@" ` + closed
			args := append([]string{"sh", "-c", script, "sh"}, runArgs("--rw", b.ctl)...)
			args = append(args, "sh", "-c", `for i in 0 1 2; do readlink /proc/self/fd/$i; done >`+out)
			o := b.do(command{args: args})
			links := readFile(b, out)
			if o.code != 0 || strings.Contains(links, "socket:") || strings.Contains(links, "anon_inode") {
				t.Errorf("%s: status %d, %q %s", closed, o.code, links, o.stderr)
			}
			b.check(os.Remove(out))
		}
	})
}

// TestBeforePID1Closes protects P4 in the moment between the payload's start
// and PID 1's last preparations: the memory of PID 1 is still the launcher's.
func TestBeforePID1Closes(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, profile := range []string{"default", "landlock"} {
			if !b.mayUse(profile) {
				continue
			}
			args := []string{binDir + "/inject", "-profile", profile, "-ro", binDir}
			probes := []string{"read /proc/1/environ", "read /proc/1/mem", "read /proc/1/maps", "readlink /proc/1/exe", "readlink /proc/1/cwd",
				"readlink /proc/1/fd/0", "attach 1", "vmread 1", "getfd 1", "kill 1 9", "setns /proc/1/ns/mnt"}
			payload := append([]string{"--", binDir + "/probe"}, probes...)
			counts := strings.Fields(b.do(command{args: append(append(args, "-count"), payload...)}).stdout)
			if len(counts) != 3 {
				t.Fatal(counts)
			}
			o := b.do(command{args: append(append(args, "-for", "100ms", "-stop", counts[1]), payload...)})
			var lines strings.Builder
			for line := range strings.Lines(o.stdout) {
				if strings.HasPrefix(line, "{") {
					lines.WriteString(line)
				}
			}
			in := parseAnswers(t, lines.String())
			for _, p := range probes {
				b.expect(profile, in[p], "EACCES EPERM EIO ENOENT")
			}
		}
	})
}
