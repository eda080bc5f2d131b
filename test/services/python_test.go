package services

import (
	"encoding/json"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestPythonHTTP: the work directory is served, and nothing else is there.
func TestPythonHTTP(t *testing.T) {
	needs(t, "python3", "/usr/bin/python3")
	h := newHost(t, "python-http")
	h.file(h.work+"/index.html", "hello")
	h.file(h.work+"/http.py", "raise SystemExit(9)") // not the module
	h.check(os.Symlink(h.home+"/notes", h.work+"/link"))
	r := h.start(h.command("python-http")...)
	r.listens()
	h.serves("/", 200, "hello")
	h.serves("/link", 404, "")
	h.serves("/../home/notes", 404, "")
	h.serves("/%2e%2e/home/notes", 404, "")
	if c, err := net.Dial("tcp", "127.0.0.2:"+strconv.Itoa(h.port)); err == nil {
		c.Close()
		t.Error("it listens on other addresses")
	}
	r.signal(syscall.SIGINT) // ^C
	r.ends(0)
	h.attacks(map[string]string{
		"read " + h.work + "/index.html":  "ok",
		"write " + h.work + "/index.html": "EROFS EACCES",
		"create " + h.work + "/new":       "EROFS EACCES",
		"execute " + h.home + "/true":     "EACCES",
		"execute /tmp/true":               "EACCES",
	})
}

// command is the profile's own, with another port at its end.
func (h *host) command(profile string) []string {
	h.t.Helper()
	for line := range strings.Lines(h.must(lichen, "profile", "show", "--resolved", profile)) {
		if list, ok := strings.CutPrefix(line, "command = "); ok {
			list, _, _ = strings.Cut(list, "  #") // where it was set
			var command []string
			h.check(json.Unmarshal([]byte(list), &command))
			command[len(command)-1] = strconv.Itoa(h.port)
			return command
		}
	}
	h.t.Fatal("no command in " + profile)
	return nil
}
