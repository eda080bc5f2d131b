package service

import (
	"slices"
	"strings"
	"testing"
)

func environment(pairs ...string) Environment {
	return func(name string) string {
		for _, p := range pairs {
			if n, v, _ := strings.Cut(p, "="); n == name {
				return v
			}
		}
		return ""
	}
}

// TestListen: only what was meant for this process counts, and that has to make
// sense.
func TestListen(t *testing.T) {
	for _, c := range []struct {
		env   string
		count int
		names string
		bad   string
	}{
		{"", 0, "", ""},
		{"LISTEN_PID=7 LISTEN_FDS=2", 2, "", ""},
		{"LISTEN_PID=7 LISTEN_FDS=2 LISTEN_FDNAMES=a:b", 2, "a:b", ""},
		{"LISTEN_PID=7 LISTEN_FDS=2 LISTEN_FDNAMES=:", 2, ":", ""},
		{"LISTEN_PID=7 LISTEN_FDS=0 LISTEN_FDNAMES=x", 0, "", ""},
		{"LISTEN_PID=7", 0, "", ""},
		// Those of another process, of whatever form.
		{"LISTEN_PID=8 LISTEN_FDS=2", 0, "", ""},
		{"LISTEN_PID=77 LISTEN_FDS=x", 0, "", ""},
		{"LISTEN_FDS=2", 0, "", ""},
		{"LISTEN_PID=+7 LISTEN_FDS=2", 0, "", ""},
		{"LISTEN_PID=-7 LISTEN_FDS=2", 0, "", ""},
		{"LISTEN_PID=7x LISTEN_FDS=2", 0, "", ""},
		// Our own, broken.
		{"LISTEN_PID=7 LISTEN_FDS=x", 0, "", "not a number"},
		{"LISTEN_PID=7 LISTEN_FDS=-1", 0, "", "not a number"},
		{"LISTEN_PID=7 LISTEN_FDS=4097", 0, "", "not a number"},
		{"LISTEN_PID=7 LISTEN_FDS=99999999999999999999", 0, "", "not a number"},
		{"LISTEN_PID=7 LISTEN_FDS=2 LISTEN_FDNAMES=a", 0, "", "1 names for 2"},
		{"LISTEN_PID=7 LISTEN_FDS=1 LISTEN_FDNAMES=a\x01", 0, "", "printable"},
		{"LISTEN_PID=7 LISTEN_FDS=1 LISTEN_FDNAMES=" + strings.Repeat("a", 256), 0, "", "printable"},
	} {
		s, err := Listen(environment(strings.Split(c.env, " ")...), 7)
		if (err != nil) != (c.bad != "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%q: %v, want %q", c.env, err, c.bad)
			continue
		}
		if s.Count != c.count || s.Names != c.names {
			t.Errorf("%q: %+v", c.env, s)
		}
	}
	if got := (Sockets{Count: 3}).FDs(); !slices.Equal(got, []int{3, 4, 5}) {
		t.Errorf("descriptors %v", got)
	}
}

func TestWatchdog(t *testing.T) {
	for env, want := range map[string]Watchdog{
		"":                                  {},
		"WATCHDOG_PID=7":                    {},
		"WATCHDOG_USEC=9":                   {Interval: "9"},
		"WATCHDOG_USEC=9 WATCHDOG_PID=7":    {Interval: "9", PID: true},
		"WATCHDOG_USEC=9 WATCHDOG_PID=8":    {},
		"WATCHDOG_USEC=junk WATCHDOG_PID=8": {},
	} {
		got, err := ReadWatchdog(environment(strings.Split(env, " ")...), 7)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", env, got, err)
		}
	}
	for _, env := range []string{"WATCHDOG_USEC=junk", "WATCHDOG_USEC=0", "WATCHDOG_USEC=-1 WATCHDOG_PID=7"} {
		if got, err := ReadWatchdog(environment(strings.Split(env, " ")...), 7); err == nil {
			t.Errorf("%q: %+v", env, got)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, good := range []string{"", "/run/systemd/notify", "@/org/x/notify", "@a", "/" + strings.Repeat("x", 106)} {
		if a, err := ParseAddress(good); err != nil || string(a) != good {
			t.Errorf("%q: %q, %v", good, a, err)
		}
	}
	for _, bad := range []string{"@", "/", "notify", "./x", "/a/../b", "/a/", "vsock:2:5", "vsock-stream:2:5", "/" + strings.Repeat("x", 107), "/a\x00b"} {
		if a, err := ParseAddress(bad); err == nil {
			t.Errorf("%q: %q", bad, a)
		}
	}
}

func TestJournalStream(t *testing.T) {
	if dev, ino, ok := JournalStream("9:12345"); !ok || dev != 9 || ino != 12345 {
		t.Error(dev, ino, ok)
	}
	for _, bad := range []string{"", "9", "9:", ":9", "-1:9", "9:9:9", "9:x"} {
		if _, _, ok := JournalStream(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
