package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// runtimeDir gives the box an XDG_RUNTIME_DIR of its own, where the list of running
// sandboxes is.
func (b *box) runtimeDir() string {
	b.t.Helper()
	dir := b.mkdir(b.dir + "/runtime")
	b.check(os.Chown(dir, b.user.uid, b.user.uid))
	b.check(os.Chmod(dir, 0o700))
	return dir
}

func (b *box) runtimeEnv() []string { return []string{"XDG_RUNTIME_DIR=" + b.dir + "/runtime"} }

// listed runs a lichen that knows the list.
func (b *box) listed(args ...string) output {
	b.t.Helper()
	return b.do(command{args: lichenArgs(args...), env: b.runtimeEnv()})
}

// sandbox starts a sandbox of a name, and waits until it is on the list. The first
// line of the payload is waited for.
func (b *box) sandbox(name string, options []string, words ...string) *process {
	b.t.Helper()
	b.runtimeDir()
	args := append(runArgs(append([]string{"--name", name}, options...)...), words...)
	p := b.start(command{args: args, env: b.runtimeEnv()})
	p.line()
	b.until("the sandbox "+name+" is listed", func() bool {
		for id := range strings.Lines(b.listed("ps", "-q").stdout) {
			if strings.TrimSpace(id) == name {
				return true
			}
		}
		return false
	})
	return p
}

// until waits for a condition.
func (b *box) until(what string, reached func() bool) {
	b.t.Helper()
	for end := time.Now().Add(deadline); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// joined runs probes in a sandbox that runs.
func (b *box) joined(name string, probes ...string) answers {
	b.t.Helper()
	args := append(lichenArgs("exec", name, "--", binDir+"/probe"), probes...)
	return b.answers(command{args: args, env: b.runtimeEnv()}, probes)
}

// confined lists profiles that differ in what confines.
func (b *box) confined() map[string][]string {
	b.file(b.ctl+"/secret", canary)
	b.t.Helper()
	inline := func(name, text string) []string {
		return []string{"-p", b.file(b.dir+"/"+name+".toml", "version = 1\nextends = ['default']\n"+text)}
	}
	return map[string][]string{
		"default": {}, "base": {"-p", "base"}, "script": {"-p", "script"}, "nested": {"--nested"}, "host network": {"--net", "host"}, "session": {"--new-session", "--umask", "027", "--limit", "nofile=99"},
		"root inside": {"--uid", "0", "--gid", "0"}, "rules": inline("rules", "[landlock]\nrules = [{ path = '/usr', execute = true }, { path = '/proc' }, { path = '"+suiteDir+"', execute = true }, { path = '/dev', write = true }]\n"),
		"no Landlock": inline("nolandlock", "[landlock]\nmode = 'off'\n"), "time": inline("time", "[namespaces]\ntime = true\n"), "hidden": {"--rw", b.ctl, "--hide", b.ctl + "/secret"},
	}
}

// refusals are probes whose answers depend on what confines.
func (b *box) refusals() []string {
	list := []string{"read " + b.outside + "/secret", "read " + b.ctl + "/secret", "create /usr/x y", "create " + b.work + "/x-@ y", "write " + b.work + "/file z",
		"create /tmp/x-@ y", "create /new-@ y", "openw /usr/lib/os-release", "unshare " + fmt.Sprint(unix.CLONE_NEWUSER), "unshare " + fmt.Sprint(unix.CLONE_NEWNS), "caps", "capset", "groups", "chroot /", "setuid 0",
		"mount tmpfs /tmp", "remount /usr", "umount /proc", "opentree /usr", "fsopen tmpfs", "kill 1", "kill 1 9", "kill 0", "pidfd 1 9", "attach 1", "readlink /proc/1/exe", "read /proc/1/environ", "getfd 1",
		"setns /proc/1/ns/mnt", "sys sethostname", "sys keyctl", "sys bpf", "sys perf_event_open", "sys io_uring_setup", "sys ptrace", "socket 2 1 0", "socket 1 1 0", "socket 16 3 0", "socket 2 1 262",
		"ioctl 0 " + fmt.Sprint(unix.TIOCSTI), "ioctl 0 " + fmt.Sprint(unix.TIOCLINUX), "chmod /tmp/x-@ 04777", "prlimit 1", "ifaces", "mptcp", "no_new", "fds", "env", "getcwd",
		"read /proc/self/mountinfo", "read /proc/self/limits", "read /proc/self/uid_map", "read /proc/self/gid_map", "read /proc/keys", "openw /proc/sys/kernel/hostname", "openw /proc/1/oom_score_adj"}
	for _, ns := range []string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"} {
		list = append(list, "readlink /proc/self/ns/"+ns)
	}
	return list
}

// TestJoinedIsConfined protects all promises against a second way in: a command that
// joins a sandbox gets the same answer to everything as the payload.
func TestJoinedIsConfined(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.outside+"/secret", canary)
		b.file(b.work+"/file", "mine")
		with := func(letter string) (list []string) {
			for _, p := range b.refusals() {
				list = append(list, strings.ReplaceAll(p, "@", letter))
			}
			return list
		}
		for name, options := range b.confined() {
			if !b.mayUse(append(options, strings.Join(options, ""))...) || b.user.uid == 0 && name == "script" {
				continue
			}
			p := b.sandbox("box", options, append(append([]string{binDir + "/probe", "ids"}, with("p")...), "session", "pause")...)
			var lines strings.Builder
			for line := p.line(); !strings.Contains(line, `"session"`); line = p.line() {
				lines.WriteString(line + "\n")
			}
			payload, joined := parseAnswers(t, lines.String()), b.joined("box", with("j")...)
			for i, probe := range with("p") {
				want, got := payload[probe], joined[with("j")[i]]
				if want.Probe == "" || want.Err != got.Err || want.Out != got.Out && !strings.Contains(want.Out, "x-p") {
					t.Errorf("%s, %q: the payload gets %q %q, who joins %q %q", name, probe, want.Err, want.Out, got.Err, got.Out)
				}
			}
			status := map[string]string{}
			for line := range strings.Lines(b.joined("box", "read /proc/self/status")["read /proc/self/status"].Out) {
				key, value, _ := strings.Cut(line, ":")
				status[key] = strings.TrimSpace(value)
			}
			if status["NoNewPrivs"] != "1" || status["Seccomp"] != "2" || strings.Trim(status["CapEff"]+status["CapPrm"]+status["CapBnd"]+status["CapInh"]+status["CapAmb"], "0") != "" || status["CapEff"] == "" {
				t.Errorf("%s: %v", name, status)
			}
			p.kill()
		}
	})
}
