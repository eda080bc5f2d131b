package main

import (
	"os"
	"slices"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	manager "github.com/lichen-sandbox/lichen/service"
	"github.com/lichen-sandbox/lichen/spec"
)

// service is what a service manager has handed to lichen and the payload gets.
type service struct {
	plan bool // nothing is made on the host

	proxy  *manager.Proxy // nil: no messages
	hidden bool           // the proxy's socket is mounted inside
	socket string         // its path on the host; with plan, where it would be
}

// hostVariables mean nothing inside with the values that they have outside: they
// name processes by numbers, or descriptors and files that are not passed on.
// env.keep takes none of them.
var hostVariables = [...]string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC",
	"SYSTEMD_EXEC_PID", "MANAGERPID", "MANAGERPIDFDID", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE"}

// attach puts it into a Spec. A plan makes nothing on the host.
func (t *service) attach(s *spec.Spec) error {
	s.Env.Drop = append(s.Env.Drop, hostVariables[:]...)
	checkJournal(s)
	if s.Service.Listen {
		if err := listen(s); err != nil {
			return about(err, s, "service.listen")
		}
	}
	if err := keepIn(s); err != nil {
		return err
	}
	if s.Service.Notify {
		if err := t.notify(s); err != nil {
			return about(err, s, "service.notify")
		}
	}
	if (s.Service.Listen || s.Service.Notify) && s.Namespaces.PID && manager.IsOwn(os.Getenv, "SYSTEMD_EXEC_PID", os.Getpid()) {
		s.Env.PIDs = append(s.Env.PIDs, "SYSTEMD_EXEC_PID")
	}
	return nil
}

// about says which key has asked.
func about(err error, s *spec.Spec, key string) error {
	if e, ok := err.(*spec.Error); ok && e.Origin.IsZero() {
		e.Origin = s.OriginOf(key)
	}
	return err
}

// setVariable gives the payload a variable, whatever the profile says of it.
func setVariable(s *spec.Spec, name, value string) {
	s.Env.Set = slices.DeleteFunc(s.Env.Set, func(v spec.EnvVar) bool { return v.Name == name })
	s.Env.Set = append(s.Env.Set, spec.EnvVar{Name: name, Value: value, Origin: spec.Origin{File: "the environment"}})
}

// checkJournal drops JOURNAL_STREAM where the payload's standard output and error
// are not what it says: a program that believes it would write to the journal what
// should go elsewhere (systemd.exec(5)).
func checkJournal(s *spec.Spec) {
	dev, ino, ok := manager.JournalStream(os.Getenv("JOURNAL_STREAM"))
	if ok && !s.Process.PTY && s.Limits.Output == 0 {
		for fd := 1; fd <= 2; fd++ {
			if id, err := sys.IdentifyFD(fd); err == nil && id.Dev == dev && id.Ino == ino {
				return
			}
		}
	}
	s.Env.Drop = append(s.Env.Drop, "JOURNAL_STREAM")
}

// started begins to relay messages.
func (t *service) started(*sandbox.Process) {
	if t.proxy != nil {
		t.proxy.Start(t.hidden)
	}
}

// close sends on what has come before the payload's end.
func (t *service) close() {
	t.proxy.Close()
	t.proxy = nil
}
