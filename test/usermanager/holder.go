package usermanager

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// The holder is root's: it makes the namespace, starts the manager, and cleans
// up when its input ends, even if that is because the test was killed.
//
// First the services are killed, while the manager is there to reap them; then
// the manager is asked to end; then what is left is killed (cgroup.kill, 5.14).
// A cgroup cannot be removed as long as a dying process is in it.
const holderScript = `
set -e
# Nobody may be left to read what is said here.
trap '' PIPE HUP INT TERM
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/incoming
top=/sys/fs/cgroup$CGROUP
clean() {
	set +e
	for c in "$top"/session.scope "$top"/user@*/*.slice; do echo 1 >"$c/cgroup.kill"; done
	n=0
	while [ -d "$top" ] && [ "$n" -lt 600 ]; do
		# By its cgroup: the number alone could be somebody else's by now.
		kill -TERM $(cat "$top"/user@*/cgroup.procs "$top"/user@*/init.scope/cgroup.procs)
		[ "$n" -lt 200 ] || echo 1 >"$top/cgroup.kill"
		grep -q 'populated 1' "$top/cgroup.events" || find "$top" -depth -type d -exec rmdir {} +
		sleep 0.05
		n=$((n+1))
	done
	[ ! -d "$top" ]
}
mkdir "$top"
trap 'rmdir "$top"/* "$top"' EXIT
for c in $(cat "$top/cgroup.controllers"); do echo "+$c" >"$top/cgroup.subtree_control" || :; done
mkdir "$top/user@$USERID.service" "$top/session.scope"
chown -R "$USERID:$USERID" "$top"
(trap - PIPE HUP INT TERM; exec sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$top/user@$USERID.service" \
	setpriv --reuid="$USERID" --regid="$USERID" --clear-groups \
	env -u CGROUP -u USERID SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info "$MANAGER" --user --unit=basic.target </dev/null >>"$HOME/manager.log" 2>&1 3>&-) &
trap - EXIT
echo started >&3 || :
exec 3>&-
read line || :
clean
`

// The bus, where no package has brought units for it. --address=systemd: takes
// the socket, and --systemd-activation lets the manager start services.
const (
	busSocket  = "[Socket]\nListenStream=%t/bus\nExecStartPost=-systemctl --user set-environment DBUS_SESSION_BUS_ADDRESS=unix:path=%t/bus\n"
	busService = "[Unit]\nRequires=dbus.socket\n[Service]\nExecStart=dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation\n"
)

// managerConf keeps the end of a test short.
const managerConf = "[Manager]\nDefaultTimeoutStopSec=20s\n"

// directories makes the user's home.
func (m *Manager) directories() {
	m.t.Helper()
	dir, err := os.MkdirTemp("", "um-")
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m.Dir, m.RuntimeDir, m.UnitDir = dir, filepath.Join(dir, "run"), filepath.Join(dir, ".config/systemd/user")
	for _, d := range []string{dir, m.RuntimeDir, m.UnitDir} {
		m.mkdir(d)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o755, m.RuntimeDir: 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			m.t.Fatal(err)
		}
	}
	m.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "HOME=" + dir, "USER=lichen-test",
		"XDG_RUNTIME_DIR=" + m.RuntimeDir, "DBUS_SESSION_BUS_ADDRESS=unix:path=" + m.RuntimeDir + "/bus"}
	m.Cgroup = "/lichen-test-" + strings.TrimPrefix(filepath.Base(dir), "um-")
	m.File(".config/systemd/user.conf", managerConf)
	if _, err := os.Stat("/usr/lib/systemd/user/dbus.socket"); err != nil {
		m.File(".config/systemd/user/dbus.socket", busSocket)
		m.File(".config/systemd/user/dbus.service", busService)
		m.File(".config/systemd/user/sockets.target.wants/dbus.socket", busSocket)
	}
}

// mkdir makes a directory and what is missing above it, all the user's.
func (m *Manager) mkdir(path string) {
	m.t.Helper()
	if path != m.Dir {
		if _, err := os.Stat(path); err == nil {
			return
		}
		m.mkdir(filepath.Dir(path))
		if err := os.Mkdir(path, 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := os.Chown(path, UID, UID); err != nil {
		m.t.Fatal(err)
	}
}

func (m *Manager) start() error {
	report, reportEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	defer reportEnd.Close()
	m.holder = exec.Command("sh", "-c", holderScript)
	m.holder.Env = append(m.Env[:len(m.Env)-1:len(m.Env)-1], "CGROUP="+m.Cgroup, fmt.Sprintf("USERID=%d", UID), "MANAGER="+managerPath())
	m.holder.Dir = m.Dir
	m.holder.ExtraFiles = []*os.File{reportEnd}
	// Its own session: a test that is interrupted is not to interrupt the
	// cleaning. Unshareflags also makes all mounts private.
	m.holder.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setsid: true}
	var trouble strings.Builder
	m.holder.Stderr = &trouble
	end, err := m.holder.StdinPipe()
	if err != nil {
		return err
	}
	if err := m.holder.Start(); err != nil {
		return err
	}
	reportEnd.Close()
	if line, err := bufio.NewReader(report).ReadString('\n'); line != "started\n" {
		end.Close()
		_ = m.holder.Wait() // what it has said counts
		return fmt.Errorf("%w: %s", err, trouble.String())
	}
	m.t.Cleanup(func() {
		if m.t.Failed() {
			m.t.Log(m.Log())
		}
		end.Close()
		if err := m.holder.Wait(); err != nil {
			m.t.Errorf("the end of systemd --user: %v\n%s", err, trouble.String())
		}
	})
	return nil
}
