package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const mountPoint = "/sys/fs/cgroup"

// delegate makes a cgroup as a service manager gives one to a user.
func (t *test) delegate(dir string) string {
	t.check(os.MkdirAll(dir, 0o755))
	for _, file := range []string{"", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"} {
		t.check(os.Chown(dir+file, uid, uid))
	}
	t.undo = append(t.undo, func() {
		if left := below(dir); len(left) > 0 {
			t.errorf("left: %q", left)
		}
		if err := os.Remove(dir); err != nil {
			t.errorf("%v", err)
		}
	})
	return dir
}

// slot makes a delegated cgroup and one in it that lichen can start in.
func (t *test) slot(name string) (dir, launch string) {
	dir = t.delegate(mountPoint + "/" + name)
	launch = dir + "/launch"
	t.check(os.Mkdir(launch, 0o755))
	t.check(os.Chown(launch+"/cgroup.procs", uid, uid))
	t.undo = append(t.undo, func() {
		if err := os.Remove(launch); err != nil {
			t.errorf("%v", err)
		}
	})
	return dir, launch
}

// below lists the cgroups in dir that lichen has made.
func below(dir string) []string {
	list, _ := filepath.Glob(dir + "/lichen-*") // the pattern is a constant
	return list
}

type result struct {
	code           int
	stderr, status string
}

type running struct {
	t      *test
	cmd    *exec.Cmd
	stderr bytes.Buffer
	status bytes.Buffer
	copied chan struct{}
}

// start starts lichen run in a cgroup, as the user.
func (t *test) start(cgroup string, args ...string) *running {
	f, err := os.Open(cgroup)
	t.check(err)
	defer f.Close()
	r, w, err := os.Pipe()
	t.check(err)
	p := &running{t: t, copied: make(chan struct{})}
	p.cmd = exec.Command("/usr/bin/lichen", append([]string{"run", "--status-fd", "3"}, args...)...)
	p.cmd.Env = []string{"HOME=/home/user", "PATH=/usr/bin", "LICHEN_LIBEXEC=/usr/libexec/lichen"}
	p.cmd.Dir = "/home/user"
	p.cmd.Stderr, p.cmd.ExtraFiles = &p.stderr, []*os.File{w}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: asUser, UseCgroupFD: true, CgroupFD: int(f.Fd())}
	t.check(p.cmd.Start())
	w.Close()
	go func() {
		_, _ = p.status.ReadFrom(r) // the writer is gone in the end
		close(p.copied)
	}()
	return p
}

func (p *running) wait() result {
	timer := time.AfterFunc(2*time.Minute, func() {
		p.t.errorf("it takes too long")
		_ = p.cmd.Process.Kill() // it may be gone
	})
	defer timer.Stop()
	_ = p.cmd.Wait() // the status says it
	<-p.copied
	ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	r := result{ws.ExitStatus(), p.stderr.String(), p.status.String()}
	if ws.Signaled() {
		r.code = 128 + int(ws.Signal())
	}
	return r
}

// lichen runs it to its end.
func (t *test) lichen(cgroup string, args ...string) result { return t.start(cgroup, args...).wait() }

// expect compares how it ended; every one of want is part of what was said.
func (t *test) expect(what string, r result, code int, want ...string) {
	if r.code != code {
		t.errorf("%s: status %d, want %d: %s%s", what, r.code, code, r.stderr, r.status)
		return
	}
	for _, w := range want {
		if !strings.Contains(r.stderr+r.status, w) {
			t.errorf("%s: no %q in %s%s", what, w, r.stderr, r.status)
		}
	}
	if len(want) == 0 && strings.Contains(r.status, `"limit"`) {
		t.errorf("%s: a verdict: %s", what, r.status)
	}
}

// only returns the one cgroup that lichen has made in dir for a sandbox that runs.
func (t *test) only(dir string) (found string) {
	t.wait("a sandbox in "+dir, func() bool {
		for _, d := range below(dir) {
			if text(d+"/payload/cgroup.procs") != "" {
				found = d
			}
		}
		return found != ""
	})
	return found
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

func text(file string) string {
	b, _ := os.ReadFile(file) // "" where it is not there
	return strings.TrimSpace(string(b))
}
