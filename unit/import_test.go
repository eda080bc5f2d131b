package unit_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/unit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is not what it was; with -update, this becomes it:\n%s", path, text)
	}
}

// loads fails unless a profile can be read back.
func loads(t *testing.T, text string) *profile.Profile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "imported.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &profile.Loader{Dirs: []string{t.TempDir()}, Builtin: profiles.FS}
	p, err := l.Load(path)
	if err != nil {
		t.Fatalf("the profile cannot be loaded: %v\n%s", err, text)
	}
	return p
}

func TestImportGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.service")
	if err != nil || len(inputs) == 0 {
		t.Fatal(inputs, err)
	}
	for _, input := range inputs {
		if strings.HasPrefix(filepath.Base(input), "generated-") {
			continue
		}
		t.Run(filepath.Base(input), func(t *testing.T) {
			files, o, err := unit.Find(input, nil)
			if err != nil {
				t.Fatal(err)
			}
			o.Resolve = nil // the same on every machine
			got, err := unit.Import(files, o)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(filepath.Base(input), ".service")+".toml", got.Profile)
			loads(t, got.Profile)
			for _, m := range got.Missing {
				if m.Reason == "" || m.Origin.IsZero() {
					t.Errorf("%s lacks its reason or place", m.Setting)
				}
			}
		})
	}
}

// TestImportReal imports the units that this machine has.
func TestImportReal(t *testing.T) {
	units, err := filepath.Glob("/usr/lib/systemd/system/*.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range units {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			continue // masked, or a link to nowhere
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			files, o, err := unit.Find(name, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := unit.Import(files, o)
			if err != nil && strings.Contains(err.Error(), "no section [Service]") && !strings.Contains(string(files[0].Data), "[Service]") {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			loads(t, got.Profile)
			for _, m := range got.Missing {
				if strings.Contains(m.Reason, "does not know this directive") {
					t.Errorf("%s is in no table", m.Setting)
				}
			}
		})
	}
	if _, err := exec.LookPath("systemctl"); err == nil && len(units) < 8 {
		t.Errorf("this machine has systemd and only %d units", len(units))
	}
}

// TestOddUnits: a few units that are as wrong as can be still give profiles
// that load.
func TestOddUnits(t *testing.T) {
	for _, text := range []string{
		"ExecStart=\"unfinished",
		"ExecStart=/bin/x \"a\x7fb\\n\" \\x01",
		"Environment=A=\\x01 B=${C} \"D=e\\nf\"",
		"ReadWritePaths=relative /ok ../up /a/../b /with:colon /with?mark",
		"BindPaths=/a:/x /b:/x\nBindReadOnlyPaths=/c:/x\nReadOnlyPaths=/x",
		"ReadWritePaths=/x\nReadOnlyPaths=/x\nInaccessiblePaths=/x",
		"TemporaryFileSystem=/x:size=10%,mode=9,what /x:ro",
		"SystemCallFilter=@nothing nothing",
		"SystemCallFilter=~execve exit_group",
		"SystemCallFilter=@system-service:EPERM",
		"SystemCallErrorNumber=ENOTHING\nSystemCallFilter=~kill:99999 ptrace:0",
		"SystemCallErrorNumber=EUCLEAN\nSystemCallFilter=~kill:95 ptrace:EOPNOTSUPP read:EWOULDBLOCK write:41",
		"LimitNOFILE=a:b\nLimitCPU=x\nMemoryMax=-1\nTasksMax=1K\nCPUQuota=0%\nIOReadBandwidthMax=x",
		"UMask=9\nKillSignal=SIGRTMIN+3\nTimeoutStopSec=never\nRuntimeMaxSec=1ns",
		"WorkingDirectory=~\nRootDirectory=/srv/root",
		"PassEnvironment=HOME HOME A-B\nEnvironment=HOME=/x",
		"RestrictAddressFamilies=\nPrivateTmp=maybe\nUser=a\nUser=b",
	} {
		got, err := unit.Import([]unit.File{{Path: "odd.service", Data: []byte("[Service]\n" + text + "\n")}}, unit.Options{Name: "odd.service", User: true})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		loads(t, got.Profile)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("low/a@.service", "[Service]\nUMask=1\n")
	write("low/a@.socket", "[Socket]\n")
	write("low/a@.service.d/20.conf", "[Service]\nUMask=3\n")
	write("low/a@.service.d/10.conf", "[Service]\nUMask=2\n")
	write("high/a@x.service.d/20.conf", "[Service]\nUMask=4\n")
	write("high/service.d/05.conf", "[Service]\nUMask=5\n")
	write("other/a@x.service.d/99.conf", "[Service]\nUMask=9\n")
	if err := os.Symlink("/dev/null", filepath.Join(dir, "high/masked.service")); err != nil {
		t.Fatal(err)
	}
	write("low/masked.service", "[Service]\n")
	dirs := []unit.Dir{{Path: dir + "/other", User: true}, {Path: dir + "/high"}, {Path: dir + "/low"}}
	files, o, err := unit.Find("a@x", dirs)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, strings.TrimPrefix(f.Path, dir+"/"))
	}
	want := "low/a@.service high/service.d/05.conf low/a@.service.d/10.conf high/a@x.service.d/20.conf"
	if strings.Join(got, " ") != want || !o.Socket || o.User || o.Name != "a@x.service" {
		t.Errorf("%q, %+v, want %s", got, o, want)
	}
	files, _, err = unit.Find(dir+"/low/a@.service", dirs)
	if err != nil || len(files) != 4 || files[1].Path != dir+"/high/service.d/05.conf" {
		t.Errorf("by its path: %v, %v", files, err)
	}
	for name, reason := range map[string]string{"masked": "masked", "none": "file does not exist", "a.socket": "no service", dir + "/high": "file does not exist"} {
		if _, _, err := unit.Find(name, dirs); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLinks: systemd covers what a link leads to, and so does the profile.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link", "secret")
	if err := os.WriteFile(link, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := "[Service]\nInaccessiblePaths=" + link + "\nReadWritePaths=" + dir + "/secret/below /run\nReadOnlyPaths=/var\nProtectHome=yes\n"
	got, err := unit.Import([]unit.File{{Path: "x", Data: []byte(text)}}, unit.Options{Name: "x.service", Resolve: filepath.EvalSymlinks})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`hide = ["` + dir + `/secret?", "/run/user?"]`, `rw = ["/run"]`, `tmpfs = ["/var/tmp:mode=1777"]`} {
		if !strings.Contains(got.Profile, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, got.Profile)
		}
	}
	loads(t, got.Profile)
}
