package test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/test/usermanager"
)

// notifier is a service: it says READY and what HUP has made it do.
const notifier = `
import os, signal, socket, time
def say(text):
    address = os.environ["NOTIFY_SOCKET"]
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect("\0" + address[1:] if address[0] == "@" else address)
    s.sendall(text.encode())
def reload(*_):
    say("STATUS=reloaded")
signal.signal(signal.SIGHUP, reload)
say("READY=1\nSTATUS=up")
while True:
    time.sleep(60)
`

// generated writes the units of a profile where the manager finds them.
func generated(t *testing.T, m *usermanager.Manager, profile string, args ...string) {
	t.Helper()
	path := m.File("profiles/svc.toml", "version = 1\nextends = [\"base\"]\n"+profile)
	before, command := args, []string(nil)
	for n, a := range args {
		if a == "--" {
			before, command = args[:n], args[n:]
			break
		}
	}
	all := append([]string{binDir + "/lichen", "unit", "generate", path, "--write", m.UnitDir, "--force"}, before...)
	m.Run(all[0], append(all[1:], command...)...)
	// Not the journal, which is not there. The number of starts is bounded
	// whatever time they take.
	m.Unit("svc.service.d/log.conf", "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1h\n[Service]\nStandardOutput=append:"+m.ServiceLog("svc.log")+"\nStandardError=inherit\n")
	resetFailed(m)
}

// resetFailed also forgets how often the service was started. It may not be
// loaded, where there is nothing to forget.
func resetFailed(m *usermanager.Manager) {
	_ = m.Command("systemctl", "--user", "reset-failed", "svc.service").Run()
}

// TestUnitRuns: what systemd does with a service works with a generated unit.
func TestUnitRuns(t *testing.T) {
	m := usermanager.Start(t)
	log := filepath.Join(m.Dir, "svc.log")
	notify := "[service]\nnotify = true\n"

	t.Run("notify", func(t *testing.T) {
		script := m.File("notifier.py", notifier)
		generated(t, m, notify+"[fs]\nro = [\""+script+"\"]\n", "--reload", "--", "/usr/bin/python3", script)
		m.Systemctl("start", "svc.service")
		if got := m.Show("svc.service", "StatusText"); got != "up" {
			t.Errorf("once it is started its status is %q", got)
		}
		m.Systemctl("reload", "svc.service")
		m.WaitFor("svc.service", "StatusText", "reloaded")
		m.Systemctl("stop", "svc.service")
		if got := m.WaitFor("svc.service", "ActiveState", "inactive", "failed") + " " + m.Show("svc.service", "Result"); got != "inactive success" {
			t.Errorf("stopped, it is %s", got)
		}
	})
	t.Run("exit status", func(t *testing.T) {
		generated(t, m, "", "--restart", "no", "--", "/bin/sh", "-c", "exit 7")
		startFailing(m)
		m.WaitFor("svc.service", "ActiveState", "failed")
		if got := m.Show("svc.service", "ExecMainStatus"); got != "7" {
			t.Errorf("its status is %s", got)
		}
	})
	t.Run("restart", func(t *testing.T) {
		// The signal that ended the program is a failure like any other, and one
		// that lichen itself reports is not tried again.
		generated(t, m, "", "--", "/bin/sh", "-c", "kill -ABRT $$")
		startFailing(m)
		m.WaitFor("svc.service", "ActiveState", "failed")
		if got := m.Show("svc.service", "Result"); got != "core-dump" && got != "signal" {
			t.Errorf("killed, it has failed by %s", got)
		}
		if got := m.Show("svc.service", "NRestarts"); got == "0" {
			t.Error("it was not started again")
		}
		generated(t, m, "", "--", "/no/such/program")
		startFailing(m)
		m.WaitFor("svc.service", "ActiveState", "failed")
		if got := m.Show("svc.service", "ExecMainStatus") + " " + m.Show("svc.service", "NRestarts"); got != "127 0" {
			t.Errorf("status and restarts are %s", got)
		}
	})
	t.Run("words", func(t *testing.T) {
		words := []string{"100%", "%n", "$HOME", "${HOME}", "a b", `"q"`, `it's`, `\x`, "", ";", "#", "é", "tab\there", "line\nbreak", "@+!"}
		generated(t, m, "", append([]string{"--restart", "no", "--", "/usr/bin/printf", "<%s>"}, words...)...)
		m.Run("systemd-analyze", "--user", "--recursive-errors=no", "verify", m.UnitDir+"/svc.service")
		m.Run("truncate", "-s0", log)
		m.Systemctl("start", "svc.service")
		m.WaitFor("svc.service", "ActiveState", "inactive")
		data, err := os.ReadFile(log)
		if want := "<" + strings.Join(words, "><") + ">"; err != nil || string(data) != want {
			t.Errorf("the words arrive as %q, want %q (%v)", data, want, err)
		}
	})
	t.Run("socket", func(t *testing.T) { unitSocket(t, m) })
	t.Run("what breaks it", func(t *testing.T) { unitBreaks(t, m) })
}

// startFailing starts a service that fails, perhaps before it counts as started:
// what the manager makes of it is looked at later.
func startFailing(m *usermanager.Manager) {
	_ = m.Command("systemctl", "--user", "start", "svc.service").Run()
}

// unitSocket: the first connection starts the service, which has no network.
func unitSocket(t *testing.T, m *usermanager.Manager) {
	script := m.File("accept.py", `
import os, socket
assert os.environ["LISTEN_PID"] == str(os.getpid()), os.environ
c, _ = socket.socket(fileno=3).accept()
c.sendall(b"hello")
`)
	address := filepath.Join(m.RuntimeDir, "svc.sock")
	generated(t, m, "[service]\nlisten = true\n[fs]\nro = [\""+script+"\"]\n", "--socket", address, "--", "/usr/bin/python3", script)
	m.Run("systemd-analyze", "--user", "--recursive-errors=no", "verify", m.UnitDir+"/svc.service", m.UnitDir+"/svc.socket")
	m.Systemctl("start", "svc.socket")
	c, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := make([]byte, 5)
	if n, err := c.Read(answer); string(answer[:n]) != "hello" {
		t.Errorf("it answers %q, %v", answer[:n], err)
	}
	m.Systemctl("stop", "svc.socket", "svc.service")
	if info, err := os.Stat(address); err == nil && info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v", info.Mode())
	}
}

// unitBreaks holds the comment in a generated unit to what is the case.
func unitBreaks(t *testing.T, m *usermanager.Manager) {
	script := m.File("notifier.py", notifier)
	generated(t, m, "[process]\ncwd = \"/usr\"\n[service]\nnotify = true\n[fs]\nro = [\""+script+"\"]\n", "--", "/usr/bin/python3", script)
	text, err := os.ReadFile(filepath.Join(m.UnitDir, "svc.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"", "RestrictNamespaces=yes", "SystemCallFilter=@system-service", "RestrictSUIDSGID=yes", "RestrictAddressFamilies=AF_UNIX"} {
		if name, _, _ := strings.Cut(line, "="); !strings.Contains(string(text), name) {
			t.Errorf("the unit says nothing of %s", name)
		}
		// Without any it runs until it is stopped, and with one it ends by itself.
		m.Unit("svc.service.d/more.conf", "[Service]\nRestart=no\n"+line+"\n")
		resetFailed(m)
		if err := m.Command("systemctl", "--user", "start", "svc.service").Run(); (err == nil) != (line == "") {
			t.Errorf("with %q the start ends by %v", line, err)
		}
		if line != "" {
			m.WaitFor("svc.service", "ActiveState", "failed")
			continue
		}
		m.WaitFor("svc.service", "StatusText", "up")
		m.Systemctl("stop", "svc.service")
	}
}

// TestUnitReal: what import makes of the units of this machine is a sandbox that
// can be made here.
func TestUnitReal(t *testing.T) {
	b := newBox(t, users()[0])
	paths, err := filepath.Glob("/usr/lib/systemd/system/*.service")
	b.check(err)
	var profiles []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if info, lerr := os.Lstat(path); err != nil || lerr != nil || !info.Mode().IsRegular() || !strings.Contains(string(text), "[Service]") {
			continue
		}
		out := b.do(command{args: []string{binDir + "/lichen", "unit", "import", path}})
		if out.code != 0 {
			t.Errorf("%s: %d, %s", path, out.code, out.stderr)
			continue
		}
		profiles = append(profiles, b.file(b.dir+"/"+filepath.Base(path)+".toml", out.stdout))
	}
	if len(profiles) < 8 {
		skip(t, "fewer than 8 units are installed")
	}
	out := b.do(command{args: append([]string{binDir + "/lichen", "check"}, profiles...)})
	if good := strings.Count(out.stdout, ": ok\n"); good < 8 {
		t.Errorf("%d of %d are good", good, len(profiles))
	}
	for line := range strings.Lines(out.stderr) {
		// What the unit asks for and a user or the machine has not, or lichen
		// never gives.
		excuse := func(text string) bool { return strings.Contains(line, text) }
		if strings.HasPrefix(line, "lichen: ") && !slices.ContainsFunc([]string{"your own hard limit", "may not read it", "no such file", "decides what the next run may do"}, excuse) {
			t.Error(line)
		}
	}
}

// TestUnitImported: what import makes of a hardened unit starts a program, and
// holds it.
func TestUnitImported(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		secret := b.file(b.outside+"/secret", canary)
		unit := b.file(b.dir+"/hard.service", `[Service]
ExecStart=/bin/true
ProtectSystem=strict
ProtectHome=yes
ReadWritePaths=`+b.work+`
ReadOnlyPaths=`+b.outside+`
InaccessiblePaths=`+secret+`
NoExecPaths=`+b.work+`
SystemCallFilter=@system-service
SystemCallFilter=~@resources
SystemCallErrorNumber=EPERM
MemoryDenyWriteExecute=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX
LimitNOFILE=64
UMask=077
Environment=WORD=said
`)
		out := b.do(command{args: []string{binDir + "/lichen", "unit", "import", "--strict", unit}})
		if out.code != 0 || out.stderr != "" {
			t.Fatalf("import: %d\n%s%s", out.code, out.stdout, out.stderr)
		}
		profile := b.profile(out.stdout)
		run := func(args ...string) output {
			t.Helper()
			return b.do(command{args: append([]string{binDir + "/lichen", "run", "-p", profile}, args...)})
		}
		if out := run(); out.code != 0 {
			t.Fatalf("the unit's command: %d\n%s", out.code, out.stderr)
		}
		out = run("--", "/bin/sh", "-c", `umask; ulimit -n; echo $WORD; cat `+secret+`; echo x >`+b.work+`/made; cp /bin/true `+b.work+`/t; chmod +x `+b.work+`/t; `+b.work+`/t || echo noexec`)
		if out.stdout != "0077\n64\nsaid\nnoexec\n" {
			t.Errorf("inside: %q, %s", out.stdout, out.stderr)
		}
		if info, err := os.Stat(b.work + "/made"); err != nil || info.Mode() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != uint32(b.user.uid) {
			t.Errorf("what it made: %v, %v", info, err)
		}
		python := `
import ctypes, mmap, os, socket
def tried(what, f):
    try: f(); print(what, "went")
    except OSError as e: print(what, e.errno)
tried("inet", lambda: socket.socket(socket.AF_INET))
tried("unix", lambda: socket.socket(socket.AF_UNIX))
tried("rwx", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ|mmap.PROT_WRITE|mmap.PROT_EXEC))
tried("rw", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ|mmap.PROT_WRITE))
tried("fifo", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
tried("affinity", lambda: os.sched_setaffinity(0, {0}))
`
		if out := run("--", "/usr/bin/python3", "-c", python); out.stdout != "inet 97\nunix went\nrwx 1\nrw went\nfifo 1\naffinity 1\n" {
			t.Errorf("system calls: %q, %s", out.stdout, out.stderr)
		}
	})
}
