package unit

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lichen-sandbox/lichen/spec"
)

// Service is what a generated unit says.
type Service struct {
	Name        string // without ".service"
	Description string
	Lichen      string   // the launcher's absolute path
	Profile     string   // as lichen run -p takes it
	Options     []string // more of lichen run's
	Command     []string // empty: the profile's own

	Directory string // WorkingDirectory=; empty: the home
	Restart   string // Restart=; empty: on-failure
	Reload    bool
	Watchdog  time.Duration
	FDStore   int
	Sockets   []string

	// What the profile asks for.
	Notify, Listen, Directories, Cgroup bool
	KillAfter                           time.Duration
}

// header says what a reader may be tempted to add, and why it must not be there:
// each was seen to fail, under systemd 252.
const header = `#
# What the program may do is said in the profile. These would hold for lichen itself, which makes
# the sandbox, and make it fail:
#   RestrictNamespaces=, SystemCallFilter=           lichen makes namespaces and mounts
#   RestrictAddressFamilies= without AF_INET         it brings the sandbox's loopback device up
#   RestrictSUIDSGID=                                hides openat2(2), with which it opens paths
#   NoNewPrivileges=, PrivateUsers=                  newuidmap(1) cannot map ids = "subuid"
#   CapabilityBoundingSet=, PrivateDevices=, ProtectClock=, ProtectKernelModules=, ProtectKernelLogs=
#                                                    a user's manager has no capabilities to drop
`

// Generate writes the service unit, and the socket unit that goes with it or "".
func Generate(s Service) (service, socket string, err error) {
	if err := s.check(); err != nil {
		return "", "", err
	}
	var b strings.Builder
	set := func(name, value string) { b.WriteString(name + "=" + value + "\n") }
	b.WriteString("# Made by lichen unit generate.\n" + header + "\n[Unit]\n")
	set("Description", escapeValue(s.Description))
	if len(s.Sockets) > 0 {
		set("Requires", s.Name+".socket")
		set("After", s.Name+".socket")
	}
	b.WriteString("\n[Service]\n")
	s.execution(set)
	s.supervision(set)
	b.WriteString("\n[Install]\n")
	if len(s.Sockets) > 0 {
		set("Also", s.Name+".socket")
	}
	set("WantedBy", "default.target")
	if len(s.Sockets) > 0 {
		socket, err = s.socket()
	}
	return b.String(), socket, err
}

func (s *Service) execution(set func(name, value string)) {
	if s.Notify {
		set("Type", "notify")
		set("NotifyAccess", "main")
	} else {
		set("Type", "exec")
	}
	// --exit-by-signal: a service that SIGTERM has ended has not failed, and
	// systemd sees that only where lichen ends by it, too.
	words := append([]string{s.Lichen, "run", "--exit-by-signal", "-p", s.Profile}, s.Options...)
	if len(s.Command) > 0 {
		words = append(append(words, "--"), s.Command...)
	}
	for n := range words {
		words[n] = execWord(words[n])
	}
	words[0] = strings.ReplaceAll(words[0], "$$", "$") // no variables in the path of a program
	set("ExecStart", strings.Join(words, " "))
	if s.Reload {
		set("ExecReload", "kill -HUP $MAINPID")
	}
	if s.Directory != "" {
		set("WorkingDirectory", escapeValue(s.Directory))
	}
	if s.Directories {
		set("RuntimeDirectory", s.Name)
		set("StateDirectory", s.Name)
		set("CacheDirectory", s.Name)
	}
}

func (s *Service) supervision(set func(name, value string)) {
	set("KillMode", "mixed")
	if s.KillAfter > 0 {
		set("TimeoutStopSec", strconv.FormatInt(int64((s.KillAfter+time.Second-1)/time.Second), 10))
	}
	if s.Watchdog > 0 {
		set("WatchdogSec", strconv.FormatInt(s.Watchdog.Milliseconds(), 10)+"ms")
	}
	if s.FDStore > 0 {
		set("FileDescriptorStoreMax", strconv.Itoa(s.FDStore))
	}
	if s.Cgroup {
		set("Delegate", "yes")
	}
	restart := s.Restart
	if restart == "" {
		restart = "on-failure"
	}
	set("Restart", restart)
	if restart != "no" {
		// lichen could not make the sandbox, or the program is not there: the
		// next try ends the same way.
		set("RestartPreventExitStatus", "125 126 127")
	}
}

func (s *Service) check() error {
	bad := func(object, reason, hint string) error {
		return &spec.Error{Op: "generate unit", Object: object, Reason: reason, Hint: hint}
	}
	for _, text := range append(append([]string{s.Description, s.Lichen, s.Profile, s.Directory}, s.Options...), s.Command...) {
		if strings.ContainsRune(text, 0) {
			return bad(strconv.Quote(text), "there is a NUL byte in it", "")
		}
	}
	switch {
	case !ValidName(s.Name):
		return bad(strconv.Quote(s.Name), "it is no name of a unit", "give one with --name: letters, digits, and : - _ .")
	case strings.ContainsFunc(s.Directory, unicode.IsControl):
		return bad("WorkingDirectory=", strconv.Quote(s.Directory)+" has characters that a unit cannot hold", "")
	case !strings.HasPrefix(s.Lichen, "/"):
		return bad(s.Lichen, "it is no absolute path of lichen", "")
	case s.Watchdog > 0 && !s.Notify:
		return bad("WatchdogSec=", "the profile does not pass on what the program reports", "set service.notify = true")
	case s.FDStore > 0 && !s.Notify:
		return bad("FileDescriptorStoreMax=", "the profile does not pass on what the program stores", "set service.notify = true")
	case len(s.Sockets) > 0 && !s.Listen:
		return bad(s.Name+".socket", "the profile does not pass sockets on", "set service.listen = true")
	}
	switch s.Restart {
	case "", "no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog":
		return nil
	}
	return bad(strconv.Quote(s.Restart), "it is no value of Restart=", "no, always, on-success, on-failure, on-abnormal, on-abort or on-watchdog")
}

// ValidName reports whether a unit may have the name, which has no suffix.
func ValidName(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_."
	return s != "" && len(s) < 200 && s[0] != '.' && strings.Trim(s, letters) == "" && !strings.HasSuffix(s, ".service")
}

// escapeValue writes a value in which specifiers count, and nothing else.
func escapeValue(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if s = strings.ReplaceAll(s, "%", "%%"); strings.HasSuffix(s, `\`) {
		s += " " // the backslash would continue the line
	}
	return s
}
