package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// needs gives up on a test whose program this machine lacks, and returns its
// path.
func needs(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/local/bin", "/usr/local/go/bin"} {
		if _, err := os.Stat(dir + "/" + name); err == nil {
			return dir + "/" + name
		}
	}
	skip(t, "no "+name)
	return ""
}

const makefile = `
prog: main.o lib.o
	$(CC) -o $@ $^
%.o: %.c
	$(CC) -O1 -g -c -o $@ $<
check: prog
	./prog | grep -q 'hello 42'
clean:
	rm -f prog *.o
`

// TestCompilers protects the build profile with a C project.
func TestCompilers(t *testing.T) {
	needs(t, "make")
	needs(t, "gcc")
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.work+"/Makefile", makefile)
		b.file(b.work+"/main.c", "#include <stdio.h>\nint answer(void);\nint main(void) { printf(\"hello %d\\n\", answer()); return 0; }\n")
		b.file(b.work+"/lib.c", "#include <math.h>\n#include <pthread.h>\nint answer(void) { return 42; }\n")
		o := b.lichen("run", "-p", "build", "--", "make", "-j2", "check")
		if o.code != 0 {
			t.Errorf("%+v", o)
		}
		if out, err := exec.Command(b.work + "/prog").Output(); err != nil || string(out) != "hello 42\n" {
			t.Errorf("what was built says %q, %v", out, err)
		}
		if o := b.lichen("run", "-p", "build", "--", "make", "clean"); o.code != 0 {
			t.Errorf("%+v", o)
		}
	})
}

// TestInterpreters protects scripts of the usual languages under the default
// profile and the tight one.
func TestInterpreters(t *testing.T) {
	needs(t, "bash")
	forUsers(t, func(t *testing.T, b *box) {
		for name, script := range map[string]string{
			"bash":    `set -euo pipefail; seq 1 1000 | sort -rn | head -1; x=$(mktemp); echo $((6*7)) >"$x"; cat <(cat "$x"); wait`,
			"perl":    `use POSIX; print "1000\n"; my $p = fork; exit 0 unless $p; waitpid $p, 0; open my $f, ">", "/tmp/x"; print $f 1; close $f; print 6*7, "\n"`,
			"python3": "import subprocess, tempfile, threading, socket, multiprocessing as m, os\nprint(1000)\nt = threading.Thread(target=lambda: None); t.start(); t.join()\na, b = socket.socketpair()\nprint(subprocess.run(['echo', '42'], capture_output=True, text=True).stdout, end='')\ntempfile.TemporaryFile()",
			"node":    `const {execFileSync} = require('child_process'), fs = require('fs'); console.log(1000); fs.writeFileSync('/tmp/x', 'y'); process.stdout.write(execFileSync('echo', ['42']))`,
		} {
			path := needs(t, name)
			for _, profile := range []string{"default", "script", "build"} {
				if !b.mayUse(profile) {
					continue
				}
				flag := "-c"
				options := []string{"run", "-p", profile}
				if name == "perl" || name == "node" {
					flag = "-e"
				}
				if name == "node" && profile == "script" {
					options = append(options, "--limit", "as=unlimited") // WebAssembly reserves address space
				}
				o := b.lichen(append(options, "--", path, flag, script)...)
				if o.code != 0 || o.stdout != "1000\n42\n" {
					t.Errorf("%s in %s: %+v", name, profile, o)
				}
			}
		}
	})
}

// TestGit protects work in a repository; the build profile keeps .git as it is.
func TestGit(t *testing.T) {
	git := needs(t, "git")
	forUsers(t, func(t *testing.T, b *box) {
		script := `set -e; git init -q .; echo x >file; git add file; git -c user.name=n -c user.email=e commit -q -m first; git log --oneline; git status --short; git fsck 2>/dev/null`
		o := b.lichen("run", "--rw", b.work, "--", "sh", "-c", script)
		if o.code != 0 || !strings.Contains(o.stdout, "first") {
			t.Fatalf("%+v", o)
		}
		o = b.lichen("run", "-p", "build", "--", git, "log", "--oneline")
		if o.code != 0 || !strings.Contains(o.stdout, "first") {
			t.Errorf("log in build: %+v", o)
		}
		o = b.lichen("run", "-p", "build", "--", "sh", "-c", "echo evil >.git/hooks/pre-commit")
		if _, err := os.Lstat(b.work + "/.git/hooks/pre-commit"); o.code == 0 || err == nil {
			t.Errorf("a build wrote a hook: %+v", o)
		}
	})
}

// TestGoBuild builds lichen inside lichen, offline, and runs some of its tests.
func TestGoBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	u := users()[0]
	b := newBox(t, u)
	copyModule(b)
	cache := b.mkdir(b.dir + "/modcache")
	goEnv := []string{"GOFLAGS=-mod=mod -modcacherw -buildvcs=false", "GOTOOLCHAIN=local", "GOSUMDB=off", "CGO_ENABLED=0", "GOMODCACHE=" + cache}
	fetch := exec.Command("go", "mod", "download")
	fetch.Dir = b.work
	fetch.Env = append(os.Environ(), append(goEnv, "GOPROXY=file://"+goCommandEnv(b, "GOMODCACHE")+"/cache/download,off")...)
	if out, err := fetch.CombinedOutput(); err != nil {
		skip(t, "the module cache lacks something: "+string(out))
	}
	goroot := goCommandEnv(b, "GOROOT")
	options := []string{"-p", "build", "--ro", cache, "--ro", goroot, "--env", "PATH=" + goroot + "/bin:/usr/bin:/bin", "--env", "GOPROXY=off"}
	for _, e := range goEnv {
		options = append(options, "--env", e)
	}
	script := "go build -o lichen ./cmd/lichen && go test ./spec ./init ./internal/plan ./profile"
	o := b.do(command{args: append(lichenArgs(append([]string{"run"}, options...)...), "--", "sh", "-c", script), limit: 3 * time.Minute})
	if o.code != 0 {
		t.Fatalf("%+v", o)
	}
	built := b.do(command{args: []string{b.work + "/lichen", "run", "--", "echo", "built inside"}})
	if built.stdout != "built inside\n" {
		t.Errorf("what was built: %+v", built)
	}
}

func goCommandEnv(b *box, name string) string {
	b.t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	b.check(err)
	return strings.TrimSpace(string(out))
}

// copyModule copies the sources of this module to the work directory.
func copyModule(b *box) {
	b.t.Helper()
	root, err := filepath.Abs("..")
	b.check(err)
	b.check(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, root)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") || rel == "/test" || rel == "/bin"):
			return filepath.SkipDir
		case d.IsDir():
			b.mkdir(b.work + rel)
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil {
			b.file(b.work+rel, string(data))
		}
		return err
	}))
}

// TestBubblewrap protects programs that bring a sandbox of their own: it works
// where the profile allows nesting, and only there.
func TestBubblewrap(t *testing.T) {
	bwrap := needs(t, "bwrap")
	forUsers(t, func(t *testing.T, b *box) {
		args := []string{bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--unshare-all", "--die-with-parent", "echo", "inside"}
		o := b.lichen(append([]string{"run", "--"}, args...)...)
		if o.code == 0 || o.stdout != "" {
			t.Errorf("not nested: %+v", o)
		}
		b.fails(b.do(command{args: append(runArgs(), binDir+"/lichen", "run", "--", "echo", "inner")}), 125, "hint:")
		if !b.mayUse("--nested") {
			return
		}
		o = b.lichen(append([]string{"run", "--nested", "--"}, args...)...)
		if o.code != 0 || o.stdout != "inside\n" {
			t.Errorf("nested: %+v", o)
		}
		// lichen in lichen as well.
		o = b.do(command{args: append(runArgs("--nested"), binDir+"/lichen", "run", "--", "echo", "inner")})
		if o.code != 0 || o.stdout != "inner\n" {
			t.Errorf("lichen in lichen: %+v", o)
		}
	})
}
