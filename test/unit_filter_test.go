package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/test/usermanager"
)

// everyCall makes each system call with arguments that mean nothing, in a child
// of its own, and prints its number and error. Those that end, suspend or copy
// the child, and those that act on everything, are left out.
const everyCall = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
skip = {"x86_64": {13, 15, 34, 56, 57, 58, 60, 61, 62, 130, 158, 162, 200, 219, 231, 435},
        "aarch64": {93, 94, 128, 129, 130, 133, 139, 220, 435}}[os.uname().machine]
for nr in range(471):
    if nr in skip: continue
    pid = os.fork()
    if pid == 0:
        r = libc.syscall(nr, *[ctypes.c_long(-1)] * 6)
        os._exit(ctypes.get_errno() & 255 if r == -1 else 0)
    status = os.waitpid(pid, 0)[1]
    print(nr, os.WEXITSTATUS(status) if os.WIFEXITED(status) else "killed", flush=True)
print("done")
`

// euclean, as the filter's error number, tells its refusals from the kernel's.
const euclean = "117"

// TestUnitFilter: whatever system call systemd's filter refuses, the imported
// one refuses, too.
func TestUnitFilter(t *testing.T) {
	m := usermanager.Start(t)
	script := m.File("calls.py", everyCall)
	for name, filter := range map[string]string{
		"allow": "SystemCallFilter=@system-service\nSystemCallFilter=~@resources @keyring personality\n",
		"deny":  "SystemCallFilter=~@mount @debug @network-io @aio @timer chmod\nSystemCallFilter=socket\n",
		"more":  "SystemCallFilter=@system-service @mount bpf io_uring_setup\nSystemCallFilter=~@chown @sync @ipc statx:EACCES\nLockPersonality=yes\nRestrictRealtime=yes\nMemoryDenyWriteExecute=yes\n",
	} {
		t.Run(name, func(t *testing.T) {
			log := m.ServiceLog("calls.log")
			text := "[Service]\nExecStart=/usr/bin/python3 " + script + "\n" + filter + "SystemCallErrorNumber=EUCLEAN\n"
			m.Unit("calls.service", text+"StandardOutput=append:"+log+"\nStandardError=append:"+log+"\n")
			m.Systemctl("start", "calls.service")
			m.WaitFor("calls.service", "ActiveState", "inactive", "failed")
			under, err := os.ReadFile(log)
			if err != nil || !strings.HasSuffix(string(under), "\ndone\n") {
				t.Fatalf("under systemd: %v, %s, %s", err, m.Show("calls.service", "ExecMainStatus"), under)
			}
			profile := m.File("calls.toml", string(plainOutput(t, m, binDir+"/lichen", "unit", "import", filepath.Join(m.UnitDir, "calls.service"))))
			inside := m.Run(binDir+"/lichen", "run", "-p", profile, "--ro", script)
			if !strings.HasSuffix(inside, "\ndone\n") {
				t.Fatalf("inside: %s", inside)
			}
			ours := map[string]string{}
			for line := range strings.Lines(inside) {
				nr, errno, _ := strings.Cut(strings.TrimSpace(line), " ")
				ours[nr] = errno
			}
			refused, others := 0, 0
			for line := range strings.Lines(string(under)) {
				nr, errno, _ := strings.Cut(strings.TrimSpace(line), " ")
				switch got := ours[nr]; {
				case errno != euclean:
					others++
				case got == euclean, got == "1", got == "38", got == "killed":
					refused++
				default:
					t.Errorf("call %s: systemd refuses it, and inside it ends with %s", nr, got)
				}
			}
			if refused < 20 || others < 100 {
				t.Errorf("%d refused, %d not: that shows nothing", refused, others)
			}
		})
	}
}

// plainOutput is the standard output alone.
func plainOutput(t *testing.T, m *usermanager.Manager, name string, args ...string) []byte {
	t.Helper()
	out, err := m.Command(name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
