package unit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/unit"
)

// FuzzImport: whatever a unit says, the importer fails by an error or makes a
// profile that can be loaded, with nothing in it that acts on a terminal. One that
// would let a program write the profiles (BindPaths=/:/x) is refused when it is loaded.
func FuzzImport(f *testing.F) {
	f.Add("ExecStart=/bin/true $A ${B} %n\nEnvironment=A=\"b c\"\nSystemCallFilter=~@mount:EPERM kill\n", true)
	f.Add("ReadWritePaths=-/a +/b \"/c d\"\nBindPaths=/a:/b:rbind\nTemporaryFileSystem=/:ro\nNoExecPaths=/\nExecPaths=/usr\nLimitNOFILE=1:2\n", false)
	f.Add("RestrictAddressFamilies=none\nMemoryMax=1G\nIOReadBandwidthMax=/dev/x 5M\nCPUQuota=5%\nDeviceAllow=/dev/x rw\nRootDirectory=/x\nTimeoutStopSec=1min\n", true)
	f.Add("InaccessiblePaths=/a\nBindReadOnlyPaths=/a/b:/c\nUMask=7\nWorkingDirectory=/x\nProtectHome=yes\nType=notify\nLimitNICE=-5\nLimitRTTIME=1s\n", true)
	dir := f.TempDir()
	path := filepath.Join(dir, "p.toml")
	l := &profile.Loader{Dirs: []string{dir}, Builtin: profiles.FS, Vars: profile.Vars{Env: func(name string) (string, bool) {
		if name == "USER" {
			return "e", true
		}
		return "/e", true
	}}}
	f.Fuzz(func(t *testing.T, text string, user bool) {
		got, err := unit.Import([]unit.File{{Path: "fuzz.service", Data: []byte("[Service]\n" + text)}}, unit.Options{Name: "a-b@c\\x2dd.service", User: user})
		if err != nil {
			return
		}
		if !utf8.ValidString(got.Profile) {
			t.Fatal("the profile is no UTF-8")
		}
		for line := range strings.Lines(got.Profile) {
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("a control character in %q", line)
			}
		}
		if err := os.WriteFile(path, []byte(got.Profile), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Load(path); err != nil && !strings.Contains(err.Error(), "decides what the next run may do") {
			t.Fatalf("%v\n%s", err, got.Profile)
		}
	})
}
