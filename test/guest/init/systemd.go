package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The machine has systemd, and a user's manager that is given what user@.service
// delegates.
var systemdCases = []testCase{
	{"a login gets a scope", scope},
	{"root's login gets one of the system's manager", rootScope},
	{"a controller that user@.service does not delegate", userControllers},
	{"a user's service", userService},
	{"a system's service", systemService},
	{"no service manager", noManager},
}

// managed runs a command as a transient service of the system's manager, with
// these properties.
func (t *test) managed(properties []string, command ...string) result {
	args := []string{"--quiet", "--wait", "--pipe", "--collect", "--working-directory=/"}
	for _, p := range properties {
		args = append(args, "-p", p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "systemd-run", append(append(args, "--"), command...)...)
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = &stderr, &stderr
	_ = c.Run() // the status says it
	ws := c.ProcessState.Sys().(syscall.WaitStatus)
	return result{code: ws.ExitStatus(), stderr: stderr.String()}
}

// login is what a user gets who logs in: pam_systemd moves the process into the
// scope of a session.
var login = []string{"User=user", "PAMName=login"}

func lichenRun(command []string, limits ...string) []string {
	args := []string{"/usr/bin/env", "LICHEN_LIBEXEC=/usr/libexec/lichen", "HOME=/home/user", "lichen", "run", "--status-fd", "3"}
	for _, l := range limits {
		args = append(args, "--limit", l)
	}
	// systemd passes three descriptors alone.
	return append([]string{"/bin/sh", "-c", `exec "$@" 3>&2`, "sh"}, append(args, command...)...)
}

func scope(t *test) {
	r := t.managed(login, "cat", "/proc/self/cgroup")
	t.expect("the login", r, 0, "session-")
	r = t.managed(login, lichenRun(hog, "memory_max=32M")...)
	t.expect("32M", r, 137, "lichen: run dd: out of memory (limits.memory_max, command line)", `"limit":"memory"`)
	t.expect("256M", t.managed(login, lichenRun(hog, "memory_max=256M", "pids_max=100", "cpu_max=1.5", "cpu_weight=50")...), 0)
	r = t.managed(login, lichenRun(sh("while :; do sleep 1000 & done"), "pids_max=10")...)
	t.expect("pids", r, 2, `"limit":"pids"`)
	// What a killed one leaves the manager takes away.
	r = t.managed(login, append([]string{"sh", "-c", `("$@") & until kill -9 $(cat /sys/fs/cgroup/user.slice/user-1500.slice/user@1500.service/app.slice/lichen-*.scope/lichen-*/cgroup.procs); do sleep 0.2; done 2>/dev/null; wait $!`, "sh"},
		lichenRun([]string{"--", "sleep", "1000"}, "memory_max=100M")...)...)
	t.expect("killed", r, 137)
	t.wait("the end of the scopes", func() bool {
		out, _ := exec.Command("find", mountPoint, "-name", "lichen-*").CombinedOutput() // what it finds says it
		return len(out) == 0
	})
}

func rootScope(t *test) {
	r := t.managed([]string{"PAMName=login", "User=root"}, lichenRun(hog, "memory_max=32M")...)
	t.expect("32M", r, 137, `"limit":"memory"`)
}

func userControllers(t *test) {
	run := lichenRun([]string{"--", "true"}, "io_weight=50")
	r := t.managed(login, run...)
	t.expect("io", r, 125, "enforce limits.io_weight: the io controller is not delegated: ", "/cgroup.subtree_control does not list it",
		"hint: as root: systemctl edit user@.service, write [Service] and Delegate=cpu cpuset io memory pids")
	// The remedy.
	t.check(os.MkdirAll("/etc/systemd/system/user@.service.d", 0o755))
	t.check(os.WriteFile("/etc/systemd/system/user@.service.d/override.conf", []byte("[Service]\nDelegate=cpu cpuset io memory pids\n"), 0o644))
	t.check(exec.Command("systemctl", "daemon-reload").Run())
	t.check(exec.Command("systemctl", "restart", "user@1500.service").Run())
	t.expect("io, with the remedy", t.managed(login, run...), 0)
}

// userService starts lichen as a service of the user's manager.
func userService(t *test) {
	service := func(properties ...string) []string {
		args := []string{"systemd-run", "--user", "--quiet", "--wait", "--pipe", "--collect", "--unit", "job"}
		for _, p := range properties {
			args = append(args, "-p", p)
		}
		return append(args, "--")
	}
	r := t.managed(login, append(service(), lichenRun(hog, "memory_max=32M")...)...)
	t.expect("not delegated", r, 125, "enforce limits.memory_max: lichen is in job.service, whose cgroup is not delegated (command line)",
		"hint: write Delegate=yes into [Service] of job.service")
	r = t.managed(login, append(service("Delegate=yes"), lichenRun(hog, "memory_max=32M")...)...)
	t.expect("delegated", r, 137, `"limit":"memory"`)
	// A service that starts lichen, and stays beside it.
	both := append([]string{"sh", "-c", `"$@"; exit $?`, "sh"}, lichenRun(hog, "memory_max=32M")...)
	r = t.managed(login, append(service(), both...)...)
	t.expect("beside its parent", r, 125, "hint: leave the service: systemd-run --user --scope lichen run")
	r = t.managed(login, append(service(), append([]string{"systemd-run", "--user", "--quiet", "--scope"}, lichenRun(hog, "memory_max=32M")...)...)...)
	t.expect("with the remedy", r, 137, `"limit":"memory"`)
}

func systemService(t *test) {
	for _, user := range []string{"User=user", "User=root"} {
		run := lichenRun(hog, "memory_max=32M")
		r := t.managed([]string{user, "Delegate=yes"}, run...)
		t.expect(user+", delegated", r, 137, `"limit":"memory"`)
		r = t.managed([]string{user}, run...)
		t.expect(user, r, 125, "whose cgroup is not delegated", "hint: write Delegate=yes into [Service] of run-")
		if strings.Contains(r.stderr, "scope") {
			t.errorf("%s: %s", user, r.stderr)
		}
	}
}

func noManager(t *test) {
	t.check(exec.Command("systemctl", "stop", "user@1500.service").Run())
	t.wait("the end of its runtime directory", func() bool { return !exists("/run/user/1500") })
	dir := mountPoint + "/user.slice/x.scope"
	t.check(os.MkdirAll(dir, 0o755))
	t.undo = append(t.undo, func() { t.check(os.Remove(dir)) })
	r := t.lichen(dir, with([]string{"--limit", "memory_max=32M"}, hog)...)
	t.expect("none", r, 125, "lichen is in no cgroup that is delegated to it, and no service manager of yours is running", "name it in limits.cgroup")
}
