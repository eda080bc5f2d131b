package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/test/usermanager"
)

// userService is a service of the usual kind: it takes its socket from the manager,
// keeps a counter of its starts in a stored descriptor and one in its state
// directory, answers to commands, feeds the watchdog, and says what it does.
const userService = `
import array, os, select, signal, socket, sys, time
address = os.environ['NOTIFY_SOCKET']
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def notify(text, *fds):
    s.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else [], 0, address)
assert int(os.environ['LISTEN_PID']) == os.getpid() == int(os.environ['WATCHDOG_PID'])
passed = dict(zip(os.environ['LISTEN_FDNAMES'].split(':'), range(3, 3 + int(os.environ['LISTEN_FDS']))))
fd = passed.get('starts')
if fd is None:
    fd = os.memfd_create('starts')
    notify('FDSTORE=1\nFDNAME=starts', fd)
starts = int(os.pread(fd, 20, 0) or 0) + 1
os.pwrite(fd, b'%d' % starts, 0)
with open(os.environ['STATE_DIRECTORY'] + '/starts', 'a') as f: f.write('x')
with open(os.environ['RUNTIME_DIRECTORY'] + '/pid', 'w') as f: f.write('x')
credential = open(os.environ['CREDENTIALS_DIRECTORY'] + '/key').read().strip()
def on(sig, frame):
    if sig == signal.SIGHUP:
        notify('RELOADING=1\nMONOTONIC_USEC=%d' % (time.monotonic_ns() // 1000))
        notify('READY=1\nSTATUS=reloaded')
    else:
        notify('STOPPING=1')
        open(os.environ['STATE_DIRECTORY'] + '/stopped', 'w').write('by %d' % sig)
        sys.exit(0)
signal.signal(signal.SIGHUP, on)
signal.signal(signal.SIGTERM, on)
notify('READY=1\nMAINPID=%d\nSTATUS=start %d, %s, %s' % (os.getpid(), starts, credential, ' '.join(n for _, n in socket.if_nameindex())))
listener = socket.socket(fileno=passed['web.socket'])
interval = int(os.environ['WATCHDOG_USEC']) / 1e6
while True:
    notify('WATCHDOG=1')
    if not select.select([listener], [], [], interval / 8)[0]: continue
    c, _ = listener.accept()
    said = c.recv(100)
    c.sendall(said.upper())
    if said == b'hang\n':
        while True: time.sleep(1000)
    c.close()
`

const userUnit = `[Service]
Type=notify
ExecStart=%s/lichen run -p sockets --ro %[2]s -- /usr/bin/python3 %[2]s
ExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT $EXIT_STATUS >>%%h/results'
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
Restart=on-failure
RestartSec=0
WatchdogSec=5
FileDescriptorStoreMax=4
StateDirectory=web
RuntimeDirectory=web
SetCredential=key:sesame
StandardOutput=append:%s
StandardError=append:%[3]s
`

// TestUserManager runs a service under a real systemd --user: activated by its
// socket, ready by its message, reloaded, restarted by the watchdog with what it has
// stored, and stopped.
func TestUserManager(t *testing.T) {
	pythonInside(t)
	b := newBox(t, user{"manager", usermanager.UID})
	m := usermanager.Start(t)
	log := m.ServiceLog("web.log")
	address := "127.0.0.1:" + freePort(b)
	m.Unit("web.socket", "[Socket]\nListenStream="+address+"\n")
	m.Unit("web.service", fmt.Sprintf(userUnit, binDir, m.File("web.py", userService), log))
	m.Systemctl("start", "web.socket")
	if got := m.Show("web.service", "ActiveState"); got != "inactive" {
		t.Fatalf("before a client: %s", got)
	}
	if answer, _ := ask(b, "tcp", address); answer != "HELLO\n" {
		t.Errorf("answer %q", answer)
	}
	m.WaitFor("web.service", "ActiveState", "active")
	if got := m.Show("web.service", "StatusText"); got != "start 1, sesame, lo" {
		t.Errorf("status %q", got)
	}
	pid := m.Show("web.service", "MainPID")
	if exe, err := os.Readlink("/proc/" + pid + "/exe"); err != nil || exe != binDir+"/lichen" {
		t.Errorf("the main process is %s, %v", exe, err)
	}
	if got := m.Show("web.service", "NFileDescriptorStore"); got != "1" {
		t.Errorf("%s descriptors are stored", got)
	}

	m.Systemctl("reload", "web.service")
	m.WaitFor("web.service", "StatusText", "reloaded")
	m.WaitFor("web.service", "ActiveState", "active")
	if got := m.Show("web.service", "MainPID"); got != pid {
		t.Errorf("after the reload the main process is %s, was %s", got, pid)
	}

	// From here on it does not feed the watchdog.
	say(b, address, "hang\n")
	m.WaitFor("web.service", "NRestarts", "1")
	m.WaitFor("web.service", "StatusText", "start 2, sesame, lo")
	if answer, _ := ask(b, "tcp", address); answer != "HELLO\n" {
		t.Errorf("answer after the restart %q", answer)
	}

	state := strings.Fields(m.Run("sh", "-c", "cat ~/.config/web/starts ~/.local/state/web/starts 2>/dev/null; echo; ls $XDG_RUNTIME_DIR | grep lichen-notify || echo none"))
	if len(state) != 2 || state[0] != "xx" || state[1] != "none" {
		t.Errorf("state and runtime directory: %q", state)
	}
	m.Systemctl("stop", "web.socket", "web.service")
	if got := m.Show("web.service", "Result"); got != "success" {
		t.Errorf("stopped with %s", got)
	}
	// The watchdog's SIGABRT went to the payload, and lichen ended as it did.
	if got := m.Run("cat", m.Dir+"/results"); got != "watchdog ABRT\nsuccess 0\n" {
		t.Errorf("it ended by %q", got)
	}
	if got := m.Run("sh", "-c", "cat ~/.config/web/stopped ~/.local/state/web/stopped 2>/dev/null; true"); got != "by 15" {
		t.Errorf("the payload was stopped %q", got)
	}
}

// TestUserManagerStops: a service that does not handle SIGTERM is not taken for a
// failed one, and what it has left behind is gone.
func TestUserManagerStops(t *testing.T) {
	newBox(t, user{"manager", usermanager.UID})
	m := usermanager.Start(t)
	log := m.ServiceLog("plain.log")
	m.Unit("plain.service", "[Service]\nKillMode=mixed\nTimeoutStopSec=20\nExecStart="+binDir+"/lichen run -p service -- sh -c 'sleep 1001 & exec sleep 1000'\nStandardOutput=append:"+log+"\nStandardError=append:"+log+"\n")
	m.Systemctl("start", "plain.service")
	m.WaitFor("plain.service", "ActiveState", "active")
	for end := time.Now().Add(deadline); time.Now().Before(end) && !strings.Contains(strings.Join(descendants(), " "), "(sleep)"); {
		time.Sleep(5 * time.Millisecond)
	}
	m.Systemctl("stop", "plain.service")
	if got := m.Show("plain.service", "Result"); got != "success" {
		t.Errorf("stopped with %s", got)
	}
	if left := strings.Join(descendants(), " "); strings.Contains(left, "(sleep)") {
		t.Errorf("left: %s", left)
	}
}

// say sends a line to a server and does not wait for more than its answer.
func say(b *box, address, text string) {
	b.t.Helper()
	_, c := askWith(b, "tcp", address, text)
	c.Close()
}
