package services

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// attempt is a program that tries what its arguments say, and prints what came of
// it: NAME and "ok", or the name of the error.
const attempt = `
import errno, os, shutil, socket, subprocess, sys
def read(path): open(path).read()
def write(path): open(path, "r+").close()
def create(path): open(path, "x").close()
def execute(path):
    shutil.copy("/bin/true", path); os.chmod(path, 0o700); subprocess.run([path], check=True)
def connect(port): socket.create_connection(("127.0.0.1", int(port)), 5)
def bind(port): 
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(port)))
def abstract(name): socket.socket(socket.AF_UNIX).connect("\0" + name)
def kill(pid): os.kill(int(pid), 0)
def environment(name): os.environ[name]
for a in sys.argv[1:]:
    what, _, arg = a.partition(" ")
    try:
        globals()[what](arg); result = "ok"
    except OSError as e: result = errno.errorcode.get(e.errno, str(e))
    except Exception as e: result = type(e).__name__
    print(a + "\t" + result)
`

// attacks tries, under the service's profile, what works outside and must not
// inside, and what the profile grants. own is attempts that only this service has,
// with what they may answer, separated by blanks.
func (h *host) attacks(own map[string]string) {
	h.t.Helper()
	needs(h.t, "python3", "/usr/bin/python3")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.check(err)
	defer l.Close()
	name := "lichen-" + strconv.Itoa(h.port)
	abstract, err := net.Listen("unix", "@"+name)
	h.check(err)
	defer abstract.Close()

	elsewhere := freePort(h.t)
	outside := map[string]string{
		"read " + h.home + "/.ssh/id_ed25519":                "ENOENT EACCES",
		"read " + h.home + "/notes":                          "ENOENT EACCES",
		"write " + h.home + "/notes":                         "ENOENT EACCES",
		"read " + h.profile:                                  "ENOENT EACCES",
		fmt.Sprint("connect ", l.Addr().(*net.TCPAddr).Port): "EACCES",
		fmt.Sprint("bind ", elsewhere):                       "EACCES",
		"abstract " + name:                                   "EPERM",
		"environment CANARY":                                 "KeyError",
	}
	granted := map[string]string{"create /tmp/x": "ok", fmt.Sprint("bind ", h.port): "ok"}

	tried := h.attempts([]string{}, slices.Sorted(maps.Keys(outside)))
	for a := range outside {
		if tried[a] != "ok" {
			h.t.Errorf("outside, %q answers %q: the attempt is no good", a, tried[a])
		}
	}
	all := maps.Clone(outside)
	maps.Copy(all, granted)
	maps.Copy(all, own)
	tried = h.attempts(h.inside(), slices.Sorted(maps.Keys(all)))
	for a, want := range all {
		if !slices.Contains(strings.Fields(want), tried[a]) {
			h.t.Errorf("inside, %q answers %q, want %s", a, tried[a], want)
		}
	}
}

// attempts runs the program above, and returns its answers.
func (h *host) attempts(prefix, list []string) map[string]string {
	h.t.Helper()
	args := append(append(prefix, "/usr/bin/python3", "-I", "-c", attempt), list...)
	answers := map[string]string{}
	for line := range strings.Lines(h.must(args...)) {
		what, answer, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		answers[what] = answer
	}
	return answers
}
