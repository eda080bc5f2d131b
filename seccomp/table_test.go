package seccomp

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTablesAreUpToDate(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "./internal/gen", "-o", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made, _ := filepath.Glob(filepath.Join(dir, "z*.go"))
	have, _ := filepath.Glob("z*.go")
	if len(made) != len(have) || len(made) == 0 {
		t.Fatalf("the generator makes %d files, %d are here", len(made), len(have))
	}
	for _, file := range made {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Base(file)); string(got) != string(want) {
			t.Errorf("%s is not what `go generate` makes", filepath.Base(file))
		}
	}
}

func TestNameTables(t *testing.T) {
	for _, table := range []*nameTable{&callNames, &constantNames, &errnoNames} {
		var names []string
		for i := range table.ends {
			names = append(names, table.at(i))
			if j, ok := table.find(table.at(i)); !ok || j != i {
				t.Errorf("find(%q) = %d", table.at(i), j)
			}
		}
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Error("names are not sorted, or double")
		}
		for _, name := range []string{"", "~", "reaD", names[0] + "x"} {
			if _, ok := table.find(name); ok {
				t.Errorf("find(%q)", name)
			}
		}
	}
	if len(constantNames.ends) != len(constantValues) || len(errnoNames.ends) != len(errnoValues) || len(callNames.ends) != numCalls {
		t.Error("tables of different lengths")
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		arch Arch
		name string
		nr   uint32
	}{
		{AMD64, "read", 0}, {AMD64, "execve", 59}, {AMD64, "clone3", 435}, {AMD64, "mseal", 462},
		{I386, "exit", 1}, {I386, "socketcall", 102}, {I386, "clock_gettime64", 403},
		{ARM64, "openat", 56}, {ARM64, "execve", 221}, {ARM, "mmap2", 192}, {ARM, "set_tls", 0xf0005},
	} {
		if nr, ok := Number(tt.arch, tt.name); !ok || nr != tt.nr {
			t.Errorf("%s %s = %d", tt.arch.Name(), tt.name, nr)
		}
		if name, _ := CallName(tt.arch, tt.nr); name != tt.name {
			t.Errorf("%s %d = %s", tt.arch.Name(), tt.nr, name)
		}
	}
	if _, ok := Number(ARM64, "stat"); ok {
		t.Error("arm64 has stat")
	}
	for _, nr := range []uint32{0x7fffffff, 0xffffffff, 472} {
		if name, ok := CallName(AMD64, nr); ok {
			t.Errorf("%d is %s", nr, name)
		}
	}
}

func TestSignatures(t *testing.T) {
	for id, sig := range signatures {
		if sig != "-" && (len(sig) > 6 || sig == "" || strings.Trim(sig, "wlmqhu") != "") {
			t.Errorf("%s has signature %q", callID(id), sig)
		}
	}
}

func TestConstants(t *testing.T) {
	for _, tt := range []struct {
		arch Arch
		name string
		want uint64
	}{
		{AMD64, "TIOCSTI", 0x5412}, {AMD64, "O_DIRECTORY", 0o200000}, {ARM64, "O_DIRECTORY", 0o40000},
		{I386, "F_SETLK", 6}, {AMD64, "AT_FDCWD", ^uint64(99)}, {AMD64, "CLONE_NEWUSER", 0x10000000}, {ARM, "SIGKILL", 9},
	} {
		if v, ok, _ := constantNamed(tt.arch, tt.name); !ok || v != tt.want {
			t.Errorf("%s %s = %#x", tt.arch.Name(), tt.name, v)
		}
	}
	if _, ok, known := constantNamed(ARM64, "MAP_32BIT"); ok || !known {
		t.Error("MAP_32BIT on arm64")
	}
	if n, ok := Errno("EPERM"); !ok || n != eperm || errnoName(enosys) != "ENOSYS" {
		t.Error("error numbers")
	}
}
