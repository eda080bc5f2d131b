package test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestUnenforceableStops protects P10: on a kernel whose Landlock is too old
// for a profile the launch stops with the key's name, and best_effort lists in
// the plan what is dropped.
func TestUnenforceableStops(t *testing.T) {
	for _, c := range []struct {
		toml  string
		abi   int // the first that is enough
		key   string
		floor int // the first that best_effort goes down to
	}{
		{"extends = ['default']", 1, "landlock.mode", 0},
		{"extends = ['default']\n[landlock]\ntcp_bind = [80]", 4, "landlock.tcp_bind", 0},
		{"extends = ['default']\n[landlock]\ntcp_connect = []", 4, "landlock.tcp_connect", 0},
		{"extends = ['default']\n[network]\nmode = 'host'", 6, "landlock.scope_abstract", 0},
		// Its scope for signals is how PID 1 ends stray processes.
		{"extends = ['landlock']", 6, "namespaces.isolation", 6},
		{"extends = ['landlock']\n[network]\nmode = 'host'\n[landlock]\nscope_abstract = false", 9, "namespaces.isolation", 6},
	} {
		for _, best := range []bool{false, true} {
			text := "version = 1\n" + c.toml
			if best {
				if !strings.Contains(text, "[landlock]") {
					text += "\n[landlock]"
				}
				text += "\nbest_effort = true\n"
			}
			s := loadSpec(t, text)
			for abi := range 11 {
				p, err := sandbox.Compile(s, factsWith(abi))
				name := fmt.Sprintf("%q, Landlock %d", text, abi)
				switch {
				case abi >= c.abi:
					if err != nil || len(p.Dropped) != 0 {
						t.Errorf("%s: %v", name, err)
					}
				case !best || abi < c.floor:
					var e *spec.Error
					if !errors.As(err, &e) || e.Op != "enforce" || e.Hint == "" || e.Reason == "" {
						t.Errorf("%s: %v", name, err)
					} else if abi == c.abi-1 && e.Object != c.key {
						t.Errorf("%s: the error names %s, not %s", name, e.Object, c.key)
					}
				case err != nil:
					t.Errorf("%s: %v", name, err)
				case !slices.ContainsFunc(p.Dropped, func(s string) bool { return strings.Contains(s, c.key) }):
					t.Errorf("%s: dropped %q", name, p.Dropped)
				}
			}
		}
	}
}

// loadSpec reads a profile that extends shipped ones.
func loadSpec(t *testing.T, text string) *spec.Spec {
	t.Helper()
	path := t.TempDir() + "/profile.toml"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	l := &profile.Loader{Builtin: profiles.FS, Vars: profile.Vars{Dir: t.TempDir(), Env: func(name string) (string, bool) { return home, name == "HOME" }}}
	p, err := l.LoadWith(path, &profile.Overrides{Command: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Spec
}

// factsWith are this host's facts with another Landlock.
func factsWith(abi int) *feature.Facts {
	f := feature.Gather(os.Environ())
	f.UID, f.LandlockABI = plainUID, abi
	return f
}

// TestPromisesThatCannotBeKept protects P10 for what a profile may not ask for
// at once.
func TestPromisesThatCannotBeKept(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for text, key := range map[string]string{
			"extends = ['default']\n[namespaces]\npid = false":                                        "namespaces.pid",
			"extends = ['default']\n[namespaces]\nuser = false":                                       "namespaces.user",
			"extends = ['default']\n[namespaces]\nmount = false":                                      "namespaces.mount",
			"extends = ['default']\n[namespaces]\nnet = false":                                        "namespaces.net",
			"extends = ['default']\n[network]\nmode = 'host'\n[namespaces]\nnet = true":               "namespaces.net",
			"extends = ['landlock']\n[process]\nhostname = 'x'":                                       "hostname",
			"extends = ['landlock']\n[process]\nuid = 0":                                              "uid",
			"extends = ['landlock']\n[fs]\nhide = ['/etc/hostname']":                                  "/etc/hostname",
			"extends = ['landlock']\n[fs]\ntmpfs = ['/tmp']":                                          "/tmp",
			"extends = ['landlock']\n[fs]\nro = ['/usr:/other']":                                      "/other",
			"extends = ['landlock']\n[namespaces]\nnested = true":                                     "nested",
			"extends = ['landlock']\n[namespaces]\npid = true":                                        "namespaces.pid",
			"extends = ['landlock']\n[landlock]\nmode = 'off'":                                        "landlock.mode",
			"extends = ['landlock']\n[landlock]\nscope_signal = false":                                "scope_signal",
			"extends = ['landlock']\n[seccomp]\nmode = 'off'":                                         "network.mode",
			"extends = ['landlock']\n[fs]\nrw = ['/usr']\nro = ['/usr/bin']\nnoexec = ['/usr/share']": "/usr",
			"extends = ['default']\nremove = ['seccomp.allow']\n[seccomp]\ndefault = 'kill'":          "seccomp.default",
			"extends = ['default']\n[seccomp]\ndeny = ['execve']":                                     "execve",
			"extends = ['default']\n[rootfs]\nimage = 'debian'\npull = 'never'":                       "it is not in the store",
			"extends = ['default']\n[seccomp]\npolicy = 'x.policy'":                                   "seccomp.policy",
		} {
			o := b.lichen("run", "-p", b.profile("version = 1\n"+text+"\n"), "--", "true")
			if o.code != 125 {
				t.Errorf("%q: status %d", text, o.code)
				continue
			}
			b.fails(o, 125, key)
		}
	})
}

// TestRootIsRefused protects P10 for root: what the kernel does not hold uid 0
// to is no promise.
func TestRootIsRefused(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		for profile, key := range map[string]string{"landlock": "namespaces.isolation", "script": "nproc"} {
			o := b.do(command{args: probeArgs([]string{"-p", profile}, "ids")})
			if b.user.uid == 0 {
				b.fails(o, 125, key)
			} else if o.code != 0 {
				t.Errorf("%s as a plain user: %+v", profile, o)
			}
		}
		if b.user.uid == 0 {
			b.fails(b.do(command{args: probeArgs([]string{"--nested"}, "ids")}), 125, "namespaces.nested", "hint:")
		}
	})
}
