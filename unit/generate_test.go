package unit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/unit"
)

func TestGenerateGolden(t *testing.T) {
	plain := unit.Service{Name: "plain", Description: "Nothing special", Lichen: "/usr/bin/lichen", Profile: "default", Command: []string{"true"}}
	full := unit.Service{
		Name: "web", Description: `100% "web" \`, Lichen: "/opt/my lichen/bin/lichen", Profile: "/home/me/web.toml",
		Options: []string{"--net=host", "--rw=/srv/a b"}, Command: []string{"/usr/bin/web", "--greeting", "it's $5; 100%", ";"},
		Directory: "/home/me/50%", Reload: true, Watchdog: 1500 * time.Millisecond, FDStore: 8,
		Sockets: []string{"8080", "[::1]:81", "datagram:/run/user/1000/w.sock", "@abstract", "fifo:/run/user/1000/f", "seqpacket:/run/user/1000/s"},
		Notify:  true, Listen: true, Directories: true, Cgroup: true, KillAfter: 2500 * time.Millisecond, Restart: "always",
	}
	for _, s := range []unit.Service{plain, full} {
		service, socket, err := unit.Generate(s)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "generated-"+s.Name+".service", service)
		if (socket != "") != (len(s.Sockets) > 0) {
			t.Errorf("%s: a socket unit: %q", s.Name, socket)
		}
		if socket != "" {
			golden(t, "generated-"+s.Name+".socket", socket)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	good := unit.Service{Name: "x", Lichen: "/l", Profile: "p", Command: []string{"c"}}
	for want, change := range map[string]func(*unit.Service){
		"no name of a unit":            func(s *unit.Service) { s.Name = "a/b" },
		"no absolute path":             func(s *unit.Service) { s.Lichen = "lichen" },
		"a unit cannot hold":           func(s *unit.Service) { s.Directory = "/a\nb" },
		"NUL byte":                     func(s *unit.Service) { s.Command = []string{"a\x00"} },
		"what the program reports":     func(s *unit.Service) { s.Watchdog = time.Second },
		"what the program stores":      func(s *unit.Service) { s.FDStore = 1 },
		"does not pass sockets on":     func(s *unit.Service) { s.Sockets = []string{"80"} },
		"no value of Restart=":         func(s *unit.Service) { s.Restart = "sometimes" },
		`socket "0": it is no`:         func(s *unit.Service) { s.Sockets, s.Listen = []string{"0"}, true },
		`socket "fifo:1"`:              func(s *unit.Service) { s.Sockets, s.Listen = []string{"fifo:1"}, true },
		`socket "80\nExecStart=x"`:     func(s *unit.Service) { s.Sockets, s.Listen = []string{"80\nExecStart=x"}, true },
		`socket "foo:80": it is no`:    func(s *unit.Service) { s.Sockets, s.Listen = []string{"foo:80"}, true },
		`socket "vsock:2:80": it is n`: func(s *unit.Service) { s.Sockets, s.Listen = []string{"vsock:2:80"}, true },
		`socket "::1:80": it is no`:    func(s *unit.Service) { s.Sockets, s.Listen = []string{"::1:80"}, true },
		`socket "/a b": it is no`:      func(s *unit.Service) { s.Sockets, s.Listen = []string{"/a b"}, true },
		`socket "seqpacket:80": it i`:  func(s *unit.Service) { s.Sockets, s.Listen = []string{"seqpacket:80"}, true },
	} {
		s := good
		change(&s)
		if _, _, err := unit.Generate(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestGenerateInjects: no text becomes a line of its own.
func TestGenerateInjects(t *testing.T) {
	evil := "x\nExecStartPre=/bin/evil\\"
	service, _, err := unit.Generate(unit.Service{Name: "x", Description: evil, Lichen: "/l", Profile: evil, Options: []string{evil}, Command: []string{evil}, Directory: "/x\\"})
	if err != nil {
		t.Fatal(err)
	}
	// Variables are none in the path of the program, which systemd takes as it stands.
	if service, _, err := unit.Generate(unit.Service{Name: "x", Lichen: "/a$b%/l", Profile: "$p"}); err != nil || !strings.Contains(service, "\nExecStart=/a$b%%/l run --exit-by-signal -p $$p\n") {
		t.Errorf("%v, %s", err, service)
	}
	for line := range strings.Lines(service) {
		if strings.HasPrefix(line, "ExecStartPre") || strings.HasSuffix(line, "\\\n") {
			t.Errorf("%q", line)
		}
	}
}
