package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/lichen-sandbox/lichen/spec"
)

// managerPatience is how long a service manager may take: as long as systemd-run
// waits for a reply.
const managerPatience = 25 * time.Second

// exitNo is the answer no, of a question that the service manager has answered.
const exitNo = 1

// scopeCommand is "lichen-tools scope user|system UNIT PID DESCRIPTION", which
// lichen calls for itself: it has the service manager move a process into a scope
// of its own, with its cgroup delegated to the user.
func scopeCommand(ctx context.Context, u *ui, args []string) int {
	if len(args) != 4 || args[0] != "user" && args[0] != "system" {
		return u.fail(usageError("", "scope takes user or system, a unit, a process and a description"))
	}
	pid, err := strconv.ParseUint(args[2], 10, 31)
	if err != nil || pid == 0 {
		return u.fail(usageError("", quote(args[2])+" is no process"))
	}
	ctx, cancel := context.WithTimeout(ctx, managerPatience)
	defer cancel()
	conn, err := dialManager(ctx, args[0] == "user")
	if err == nil {
		defer conn.Close()
		err = startScope(ctx, conn, args[1], uint32(pid), args[3])
	}
	if err != nil {
		return u.fail(&spec.Error{Op: "start", Object: args[1], Err: err})
	}
	return exitOK
}

// delegatedCommand is "lichen-tools delegated user|system SERVICE", which lichen
// calls for itself: its exit status is the answer.
func delegatedCommand(ctx context.Context, u *ui, args []string) int {
	if len(args) != 2 || args[0] != "user" && args[0] != "system" {
		return u.fail(usageError("", "delegated takes user or system, and a unit"))
	}
	ctx, cancel := context.WithTimeout(ctx, managerPatience)
	defer cancel()
	conn, err := dialManager(ctx, args[0] == "user")
	yes := false
	if err == nil {
		defer conn.Close()
		yes, err = isDelegated(ctx, conn, args[1])
	}
	switch {
	case err != nil:
		return u.fail(&spec.Error{Op: "ask about", Object: args[1], Err: err})
	case !yes:
		return exitNo
	}
	return exitOK
}

// property is one of a unit's, as StartTransientUnit takes them: (sv).
type property struct {
	Name  string
	Value dbus.Variant
}

// auxiliary is a further unit that StartTransientUnit makes: a(sa(sv)).
type auxiliary struct {
	Name       string
	Properties []property
}

func scopeProperties(pid uint32, description string) []property {
	return []property{
		{"Description", dbus.MakeVariant(description)},
		{"PIDs", dbus.MakeVariant([]uint32{pid})},
		{"Delegate", dbus.MakeVariant(true)},
		// One that has failed is not kept for somebody to look at.
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
	}
}

// startScope asks for the scope, and waits until the process is in it: the
// answer names a job, which is done when JobRemoved says so.
func startScope(ctx context.Context, conn *dbus.Conn, unit string, pid uint32, description string) error {
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	var job dbus.ObjectPath
	call := conn.Object(manager, managerPath).CallWithContext(ctx, managerPrefix+"StartTransientUnit", 0,
		unit, "fail", scopeProperties(pid, description), []auxiliary{})
	if err := call.Store(&job); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return errors.New("the service manager does not come to it")
		case s, ok := <-signals:
			if !ok {
				return errors.New("the service manager has hung up")
			}
			if result, ok := jobResult(s, job); ok {
				if result == "done" {
					return nil
				}
				return errors.New("the service manager says: " + result)
			}
		}
	}
}

// jobResult reads a JobRemoved signal: id, job, unit, result.
func jobResult(s *dbus.Signal, job dbus.ObjectPath) (string, bool) {
	if s.Name != managerPrefix+"JobRemoved" || len(s.Body) != 4 || s.Body[1] != job {
		return "", false
	}
	result, ok := s.Body[3].(string)
	return result, ok
}

// isDelegated reads the property Delegate of a service.
func isDelegated(ctx context.Context, conn *dbus.Conn, unit string) (yes bool, err error) {
	var object dbus.ObjectPath
	if err := conn.Object(manager, managerPath).CallWithContext(ctx, managerPrefix+"GetUnit", 0, unit).Store(&object); err != nil {
		return false, err
	}
	var v dbus.Variant
	err = conn.Object(manager, object).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, manager+".Service", "Delegate").Store(&v)
	if err != nil {
		return false, err
	}
	return yes, v.Store(&yes)
}

// runtimeDir is where a user's manager listens.
func runtimeDir(getenv func(string) string, uid int) string {
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return "/run/user/" + strconv.Itoa(uid)
}

// managerSocket is the service manager's own, "" where the caller may not use it.
func managerSocket(getenv func(string) string, uid int, user bool) string {
	switch {
	case user:
		return runtimeDir(getenv, uid) + "/systemd/private"
	case uid == 0:
		return "/run/systemd/private"
	}
	return ""
}

// exists reports whether a path is there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return path != "" && err == nil
}
