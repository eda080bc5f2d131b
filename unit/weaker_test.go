package unit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/unit"
)

// imported is the profile of a [Service] section.
func imported(t *testing.T, text string, resolve func(string) (string, error)) *unit.Imported {
	t.Helper()
	got, err := unit.Import([]unit.File{{Path: "x.service", Data: []byte("[Service]\n" + text + "\n")}}, unit.Options{Name: "x.service", Resolve: resolve})
	if err != nil {
		t.Fatal(err)
	}
	loads(t, got.Profile)
	return got
}

// TestNotWeaker: units that say in an unusual way what they forbid. What systemd
// 252 makes of them was looked at with systemctl show and systemd-analyze security.
func TestNotWeaker(t *testing.T) {
	const mmap, none = `"mmap: !(arg2`, `mode = "none"`
	for _, c := range []struct {
		text, want, not string
	}{
		// An empty assignment takes back a list, but no switch, word or limit.
		{"PrivateNetwork=yes\nPrivateNetwork=", none, ""},
		{"MemoryDenyWriteExecute=yes\nMemoryDenyWriteExecute=", mmap, ""},
		{"ProtectHome=yes\nProtectHome=\nReadWritePaths=/home/x", "", "rw ="},
		{"DynamicUser=yes\nDynamicUser=\nReadWritePaths=/var/tmp/x", "", "rw ="},
		{"LimitNOFILE=100\nLimitNOFILE=", `nofile = "100"`, ""},
		{"UMask=077\nUMask=", `umask = "077"`, ""},
		{"RuntimeMaxSec=9\nRuntimeMaxSec=", `timeout = "9s"`, ""},
		{"ProcSubset=pid\nProcSubset=", "#   ProcSubset=pid: ", ""},
		{"PrivateNetwork=yes\nPrivateNetwork=\nPrivateNetwork=no", `mode = "host"`, ""},
		{"RestrictAddressFamilies=none\nRestrictAddressFamilies=", `mode = "host"`, "rules"},
		// A semicolon ends a command where it is bare.
		{`ExecStart=/bin/find / -exec /bin/x {} \; -o ";" ; /bin/y`, `command = ["/bin/find", "/", "-exec", "/bin/x", "{}", ";", "-o", ";"]`, ""},
		// A carriage return ends a line.
		{"# comment\rPrivateNetwork=yes", none, ""},
		{"Environment=A=1\rMemoryDenyWriteExecute=yes\r\nPrivateNetwork=yes", mmap, "set = { A = \"1\","},
		// Quotes are no part of a word.
		{`RestrictAddressFamilies=~"AF_INET" 'AF_INET6' AF_NETLINK`, "arg0 in {AF_UNIX};", ""},
		{"PassEnvironment=A B\nUnsetEnvironment=\"A\" USER", `"B"`, `"USER"`},
		{"PassEnvironment=SECRET\nUnsetEnvironment=SECRET", "keep", "SECRET"},
		// 0 is a switch only where a switch is meant.
		{"AllowedCPUs=0", "#   AllowedCPUs=0: ", ""},
		{"User=0", "#   User=0: ", ""},
		// Below a bind mount a path is one of its source.
		{"BindReadOnlyPaths=/data:/srv\nReadWritePaths=/srv/x", `rw = ["/data/x:/srv/x"]`, ""},
		{"BindReadOnlyPaths=/:/mnt\nReadOnlyPaths=/mnt/x", `"/x:/mnt/x"`, ""},
		// A path is the host's, whatever RootDirectory= is, unless there is a "+".
		{"RootDirectory=/srv/root\nInaccessiblePaths=/srv/root/secret", `hide = ["/secret?"]`, ""},
		{"RootDirectory=/srv/root\nInaccessiblePaths=-+/secret", `hide = ["/secret?"]`, ""},
		{"RootDirectory=/srv/root\nInaccessiblePaths=/srv/rootsecret", `hide = ["/srv/rootsecret?"]`, ""},
	} {
		got := imported(t, c.text, nil).Profile
		if !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s\n--- there is no %s, or there is %q, in\n%s", c.text, c.want, c.not, got)
		}
	}
}

// TestNotAroundByLink: what ProtectHome= or InaccessiblePaths= closes stays closed
// where a link leads into it. In a RootDirectory= the host's links mean nothing.
func TestNotAroundByLink(t *testing.T) {
	resolve := func(p string) (string, error) {
		if rest, ok := strings.CutPrefix(p, "/link"); ok {
			return "/home/user" + rest, nil
		}
		return p, nil
	}
	for _, text := range []string{
		"ProtectHome=yes\nReadWritePaths=/link/a", "ProtectHome=yes\nExecStart=/link/bin/x", "ProtectHome=yes\nWorkingDirectory=/link",
		"InaccessiblePaths=/home\nReadOnlyPaths=/link/a",
	} {
		if got := imported(t, text, resolve).Profile; strings.Contains(got, "rw = ") || strings.Contains(got, "ro = ") {
			t.Errorf("%s\n%s", text, got)
		}
	}
	if got := imported(t, "ReadWritePaths=/link/a", resolve).Profile; !strings.Contains(got, `rw = ["/link/a"]`) {
		t.Error(got)
	}
	if got := imported(t, "RootDirectory=/srv/root\nInaccessiblePaths=/link", resolve).Profile; !strings.Contains(got, `hide = ["/link?"]`) {
		t.Error(got)
	}
}

// TestFindAll: drop-ins by which directory counts more than by which name, those
// of all names that links give the unit, and those of systemctl set-property.
func TestFindAll(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{
		"low/a-b.service": "[Service]\n", "low/a-b.service.d/10.conf": "[Service]\n", "high/a-.service.d/10.conf": "[Service]\n",
		"low/service.d/10.conf": "[Service]\n", "high/service.d/20.conf": "[Service]\n",
		"high/alias.service.d/30.conf": "[Service]\n",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a-b.service", dir+"/low/alias.service"); err != nil {
		t.Fatal(err)
	}
	dirs := []unit.Dir{{Path: dir + "/high"}, {Path: dir + "/low"}}
	for _, name := range []string{"a-b", "alias"} {
		files, _, err := unit.Find(name, dirs)
		if err != nil || len(files) != 4 || files[3].Path != dir+"/high/alias.service.d/30.conf" || files[1].Path != dir+"/high/a-.service.d/10.conf" || files[2].Path != dir+"/high/service.d/20.conf" {
			t.Errorf("%s: %v, %v", name, files, err)
		}
	}
	var list []string
	for _, d := range unit.DefaultDirs(func(name string) string { return map[string]string{"HOME": "/h", "XDG_RUNTIME_DIR": "/r"}[name] }) {
		list = append(list, d.Path)
	}
	all := strings.Join(list, " ")
	for _, want := range []string{"/h/.config/systemd/user.control /r/systemd/user.control /h/.config/systemd/user ", " /etc/systemd/system.control /run/systemd/system.control /etc/systemd/system "} {
		if !strings.Contains(all, want) {
			t.Errorf("there is no %s in %s", want, all)
		}
	}
}

// TestFindHere: a relative path names the same unit, with all of its drop-ins.
func TestFindHere(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"high/x.service.d", "low"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"low/x.service", "high/x.service.d/1.conf"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("[Service]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir + "/low")
	if files, _, err := unit.Find("./x.service", []unit.Dir{{Path: dir + "/high"}, {Path: dir + "/low"}}); err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
}
