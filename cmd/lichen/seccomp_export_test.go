package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/seccomp"
)

func TestSeccompExport(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	out := succeeded(t, "seccomp export script")
	if len(out) == 0 || len(out)%8 != 0 {
		t.Errorf("%d bytes", len(out))
	}
	file := filepath.Join(t.TempDir(), "script.bpf")
	if text := succeeded(t, "seccomp export --format bpf --output "+file+" script"); text != "" {
		t.Errorf("%q on standard output", text)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != out {
		t.Errorf("%v, %d bytes, want %d", err, len(data), len(out))
	}
	if other := succeeded(t, "seccomp export --arch arm64 script"); other == out && seccompArch(t) != seccomp.ARM64 {
		t.Error("the same program for two architectures")
	}
	oci := succeeded(t, "seccomp export --format oci script")
	var doc struct {
		DefaultAction string
		Architectures []string
		Syscalls      []struct{ Names []string }
	}
	if err := json.Unmarshal([]byte(oci), &doc); err != nil || doc.DefaultAction != "SCMP_ACT_ERRNO" || len(doc.Architectures) != 1 || len(doc.Syscalls) == 0 {
		t.Errorf("%v\n%s", err, oci)
	}
	// What was exported can be read again, and then answers the same.
	imported := succeeded(t, "seccomp import "+writeTestFile(t, "script.json", oci))
	again := writeTestFile(t, "again.toml", "version = 1\nextends = [\"base\"]\nremove = [\"seccomp.allow\"]\n[landlock]\ntcp_connect = []\n"+imported)
	if diff := succeeded(t, "seccomp diff --all script "+again); diff != "" {
		t.Errorf("differences:\n%s", diff)
	}
}

func TestSeccompExportToTerminal(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		skip(t, "no terminals here: "+err.Error())
	}
	defer terminal.Close()
	t.Setenv("HOME", "/home/somebody")
	var errs strings.Builder
	code := dispatch(&ui{out: terminal, err: &errs}, []string{"seccomp", "export", "base"})
	if code != exitFailed || errs.String() != "lichen: write standard output: it is a terminal, and the program is binary\nhint: --output FILE writes it to a file\n" {
		t.Errorf("%d, %q", code, errs.String())
	}
}

// TestSeccompExportInBwrap has bubblewrap load a filter.
func TestSeccompExportInBwrap(t *testing.T) {
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		skip(t, "bwrap is not installed")
	}
	t.Setenv("HOME", "/home/somebody")
	run := func(filter string) (string, error) {
		args := []string{"--ro-bind", "/", "/", "--tmpfs", "/tmp", "--", "mkdir", "/tmp/made"}
		cmd := exec.Command(bwrap, args...)
		if filter != "" {
			f, err := os.Open(filter)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cmd = exec.Command(bwrap, append([]string{"--seccomp", "3"}, args...)...)
			cmd.ExtraFiles = []*os.File{f}
		}
		cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(""); err != nil {
		skip(t, "bwrap does not work here: "+err.Error()+", "+out)
	}
	export := func(profile string) string {
		file := filepath.Join(t.TempDir(), "filter.bpf")
		succeeded(t, "seccomp export --output "+file+" "+profile)
		return file
	}
	if out, err := run(export("base")); err != nil {
		t.Errorf("base: %v, %s", err, out)
	}
	denying := profileFile(t, "base", "[seccomp]\ndeny = [\"mkdir\", \"mkdirat\"]\ndeny_action = \"errno:EXDEV\"\n")
	if out, err := run(export(denying)); err == nil || !strings.Contains(out, "Invalid cross-device link") {
		t.Errorf("mkdir refused: %v, %s", err, out)
	}
}

func TestSeccompImport(t *testing.T) {
	const data = "../../policy/testdata/"
	trace := writeTestFile(t, "trace", "execve(\"/bin/true\", [\"true\"], 0x7ffe /* 9 vars */) = 0\nbrk(NULL) = 0x55d\nexit_group(0) = ?\n")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(trace, link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args, want string
		warning    string // "" for none
	}{
		{data + "minijail-python/denylist.policy", "# " + data + "minijail-python/denylist.policy, read as minijail-python\n[seccomp]\ndefault = \"allow\"\n", ""},
		{"--dialect minijail-python " + data + "minijail-python/forms.policy", `default = "trap"`, "forms.policy:14:6: trace answers ENOSYS"},
		{"--constants " + data + "minijail-python/constants.json " + data + "minijail-python/custom.policy", `"ioctl: arg1 == 0xc010623f || arg1 == TCGETS"`, ""},
		{"--dialect minijail-c " + data + "minijail-c/forms-included.policy", `"umask: arg0 == 022"`, ""},
		{data + "oci/forms.json", `default = "errno:ENOSYS"`, "forms.json:29:46: SCMP_ACT_NOTIFY answers"},
		{trace, "allow = [\n  \"brk\", # " + trace + ":2\n  \"execve\",", ""},
		{link, "# " + link + ", read as strace\n", ""},
	}
	for _, tt := range tests {
		if seccompArch(t) != seccomp.AMD64 {
			tt.args = "--arch amd64 " + tt.args
		}
		code, out, errs := dispatched("seccomp import " + tt.args)
		if code != 0 || !strings.Contains(out, tt.want) || tt.warning == "" && errs != "" || !strings.Contains(errs, tt.warning) {
			t.Errorf("%s: %d, %s%s", tt.args, code, out, errs)
		}
		if errs != "" && !strings.HasPrefix(errs, "lichen: warning: "+data) {
			t.Errorf("%s: %s", tt.args, errs)
		}
	}
}

// TestSeccompImportedProfile: what import prints is a table of a profile.
func TestSeccompImportedProfile(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	out := succeeded(t, "seccomp import ../../policy/testdata/minijail-python/denylist.policy")
	file := writeTestFile(t, "p.toml", "version = 1\n"+out)
	if got := succeeded(t, "seccomp explain "+file+" mount"); !strings.HasPrefix(got, "mount: errno:EPERM\n  by: rule \"mount: return errno:EPERM\" ("+file+":") {
		t.Errorf("%s", got)
	}
}
