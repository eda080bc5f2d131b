package main

import (
	"io/fs"
	"os"
	"path"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/sys"
	manager "github.com/lichen-sandbox/lichen/service"
	"github.com/lichen-sandbox/lichen/spec"
)

// notify gives the payload a socket for its messages to the manager, and the
// watchdog that goes with it.
func (t *service) notify(s *spec.Spec) error {
	s.Env.Drop = append(s.Env.Drop, "NOTIFY_SOCKET")
	address, err := manager.ParseAddress(os.Getenv("NOTIFY_SOCKET"))
	if err != nil || address == "" {
		return err
	}
	alone := s.Namespaces.Isolation == spec.IsolationLandlock
	const socketsABI = 9
	if alone && sys.LandlockABI() < socketsABI {
		return &spec.Error{Op: "enforce", Object: "service.notify", Reason: `with isolation = "landlock" a single socket can be opened up from Landlock 9 (Linux 7.1) on`,
			Hint: `use isolation = "namespaces", or leave service.notify out`}
	}
	watchdog, err := manager.ReadWatchdog(os.Getenv, os.Getpid())
	if err != nil {
		return err
	}
	if err := t.open(address); err != nil {
		return err
	}
	target := t.socket
	if !alone {
		if target, err = notifyTarget(s); err != nil {
			return err
		}
	}
	t.hidden = !alone
	origin := s.OriginOf("service.notify")
	s.Mounts = append(s.Mounts, spec.Mount{Type: spec.MountBind, Source: t.socket, Target: target, Write: true, Socket: true, NoExec: true, Origin: origin})
	setVariable(s, "NOTIFY_SOCKET", target)
	if watchdog.Interval != "" {
		setVariable(s, "WATCHDOG_USEC", watchdog.Interval)
		if watchdog.PID && s.Namespaces.PID {
			s.Env.PIDs = append(s.Env.PIDs, "WATCHDOG_PID")
		}
	}
	return nil
}

// open makes the proxy.
func (t *service) open(a manager.Address) (err error) {
	parent := runtimeDir()
	if t.plan {
		t.socket = path.Join(parent, manager.DirPrefix+"XXXXXXXXXX", "notify")
		return nil
	}
	if t.proxy, err = manager.NewProxy(a, parent, os.Getpid()); err == nil {
		t.socket = t.proxy.Path()
	}
	return err
}

// runtimeDir is where the socket's directory is made: in the directory that ends
// with the user's session, or else in /tmp.
func runtimeDir() string {
	const room = 60 // for what comes below, of the 107 bytes of an address
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !path.IsAbs(dir) || path.Clean(dir) != dir || len(dir) > room {
		return "/tmp"
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() || sys.Access(dir, sys.W_OK) != nil {
		return "/tmp"
	}
	return dir
}

// notifyTarget finds a place inside where lichen itself makes the directories:
// nothing is made on the host, nor in an image.
func notifyTarget(s *spec.Spec) (string, error) {
	for _, p := range []string{"/run/lichen/notify", "/tmp/.lichen-notify", "/dev/lichen-notify"} {
		if isOurs(s, p) {
			return p, nil
		}
	}
	return "", &spec.Error{Op: "bind", Object: "NOTIFY_SOCKET", Reason: "the sandbox has neither a /run, a /tmp nor a /dev of its own, where the socket could be", Hint: `add a tmpfs: fs.tmpfs = ["/tmp"]`}
}

// isOurs reports whether p lies in a tree that is made for this sandbox.
func isOurs(s *spec.Spec, p string) bool {
	ours, at := s.Rootfs.Image == "", ""
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if !spec.Beneath(p, m.Target) || len(m.Target) < len(at) {
			continue
		}
		switch m.Type {
		case spec.MountTmpfs, spec.MountDev:
			ours = true
		case spec.MountDir: // a directory of what is around it
		default:
			ours = false
		}
		at = m.Target
	}
	return ours
}

// planned answers for the socket that a plan does not make.
func (t *service) planned(f *feature.Facts) {
	if t.plan && t.socket != "" {
		f.Files = plannedFiles{f.Files, t.socket}
	}
}

// plannedFiles are the host's, and a socket.
type plannedFiles struct {
	feature.Files
	socket string
}

func (p plannedFiles) Lstat(name string) (fs.FileMode, error) {
	switch name {
	case p.socket:
		return fs.ModeSocket | 0o666, nil
	case path.Dir(p.socket):
		return fs.ModeDir | 0o700, nil
	}
	return p.Files.Lstat(name)
}

func (p plannedFiles) Stat(name string) (fs.FileMode, error) {
	if name == p.socket {
		return p.Lstat(name)
	}
	return p.Files.Stat(name)
}

func (p plannedFiles) Usable(name string, mode fs.FileMode) error {
	if name == p.socket {
		return nil
	}
	return p.Files.Usable(name, mode)
}
