package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/godbus/dbus/v5"
)

// What the service manager is called on a bus; org.freedesktop.systemd1(5).
const (
	manager       = "org.freedesktop.systemd1"
	managerPath   = dbus.ObjectPath("/org/freedesktop/systemd1")
	managerPrefix = manager + ".Manager."
)

// dialManager connects to a service manager: through the bus, and where there is
// none, at the manager's own socket.
func dialManager(ctx context.Context, user bool) (*dbus.Conn, error) {
	conn, err := dialBus(ctx, user)
	if err != nil {
		if path := managerSocket(os.Getenv, os.Geteuid(), user); exists(path) {
			return dialPrivate(ctx, path)
		}
		return nil, err
	}
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(manager+".Manager"), dbus.WithMatchMember("JobRemoved"))
	if err == nil {
		// Without a subscriber the manager sends no signals.
		err = conn.Object(manager, managerPath).CallWithContext(ctx, managerPrefix+"Subscribe", 0).Err
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func dialBus(ctx context.Context, user bool) (*dbus.Conn, error) {
	switch {
	case !user:
		return dbus.ConnectSystemBus(dbus.WithContext(ctx))
	case os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "":
		return dbus.ConnectSessionBus(dbus.WithContext(ctx))
	}
	// The library would look for one of X11's, and start a bus if there is none.
	return dbus.Connect(address(runtimeDir(os.Getenv, os.Geteuid())+"/bus"), dbus.WithContext(ctx))
}

func address(path string) string { return "unix:path=" + dbus.EscapeBusAddressValue(path) }

// dialPrivate connects to a socket with no bus behind it: there is nobody to say
// hello to, and signals come without being asked for.
func dialPrivate(ctx context.Context, path string) (*dbus.Conn, error) {
	conn, err := dbus.Dial(address(path), dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
		conn.Close()
		return nil, err
	}
	go nudge(ctx, conn)
	return conn, nil
}

// nudge sends what needs no answer, again and again. A manager that reads the end
// of the authentication and the first message at once leaves the message lying
// until more comes (seen with systemd 252).
func nudge(ctx context.Context, conn *dbus.Conn) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			conn.Object(manager, managerPath).CallWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", dbus.FlagNoReplyExpected)
		}
	}
}
