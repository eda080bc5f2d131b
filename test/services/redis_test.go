package services

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestRedis: what was set is there after a restart, TERM saves, and what makes an
// open Redis server the way into a machine does not work.
func TestRedis(t *testing.T) {
	needs(t, "redis-server", "/usr/bin/redis-server")
	needs(t, "redis-tools", "/usr/bin/redis-cli")
	h := newHost(t, "redis")
	config := h.mkdir(h.home+"/.config/redis", 0o700)
	state := h.mkdir(h.home+"/.local/state/redis", 0o700)
	h.file(config+"/redis.conf", fmt.Sprintf("bind 127.0.0.1\nport %d\nunixsocket %s/socket\nunixsocketperm 700\nenable-protected-configs yes\nenable-module-command yes\n", h.port, state))
	cli := func(args ...string) []string {
		return append([]string{"/usr/bin/redis-cli", "-p", fmt.Sprint(h.port)}, args...)
	}
	r := h.start()
	r.listens()
	if got := h.must(cli("SET", "lichen", "slow")...); got != "OK" {
		t.Errorf("SET: %q", got)
	}
	if got := h.must("/usr/bin/redis-cli", "-s", state+"/socket", "GET", "lichen"); got != "slow" {
		t.Errorf("GET over the socket: %q", got)
	}
	if got := h.must(cli("SAVE")...); got != "OK" {
		t.Errorf("SAVE: %q", got)
	}
	if got := h.must(cli("CONFIG", "GET", "maxclients")...); !strings.Contains(got, "10000") {
		t.Errorf("descriptors for fewer clients: %q", got)
	}
	// The steps of an attack on an open server: a file of one's own where
	// something reads it, or a module.
	h.replies("ERR", cli("CONFIG", "SET", "dir", h.home+"/.ssh")...)
	h.replies("OK", cli("CONFIG", "SET", "dir", config)...)
	h.replies("ERR", cli("SAVE")...)
	h.replies("OK", cli("CONFIG", "SET", "dir", state)...)
	h.replies("ERR", cli("CONFIG", "REWRITE")...)
	h.replies("ERR", cli("MODULE", "LOAD", state+"/module.so")...)
	h.must(cli("SET", "last", "words")...)
	r.signal(syscall.SIGTERM)
	r.ends(0)

	r = h.start()
	r.listens()
	for key, value := range map[string]string{"lichen": "slow", "last": "words"} {
		if got := h.must(cli("GET", key)...); got != value {
			t.Errorf("%s after a restart: %q", key, got)
		}
	}
	r.signal(syscall.SIGTERM)
	r.ends(0)

	h.attacks(map[string]string{
		"read " + config + "/redis.conf":  "ok",
		"write " + config + "/redis.conf": "EROFS EACCES",
		"write " + state + "/dump.rdb":    "ok",
		"execute " + state + "/module.so": "EACCES",
	})
}

// replies runs a client whose answer begins like this.
func (h *host) replies(want string, args ...string) {
	h.t.Helper()
	if o := h.do(args...); !strings.HasPrefix(o.stdout, want) {
		h.t.Errorf("%q: %+v, want %q", args, o, want)
	}
}
