// Package imports holds the rules of who may import whom.
package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lichen-sandbox/lichen/"

// allowed lists, for each package of the module, what of the module it may
// import. A package that is not listed here is an error: decide, then add it.
var allowed = map[string][]string{
	"spec":                      {},
	"internal/sys":              {},
	"internal/plan":             {"spec", "internal/sys"},
	"internal/feature":          {"internal/nofile", "internal/subid", "internal/sys"},
	"internal/feature/fakehost": {},
	"init":                      {"internal/sys"},
	"internal/child":            {"init", "internal/plan", "internal/sys"},
	"internal/forward":          {},
	"internal/imports":          {},
	"internal/nofile":           {},
	"internal/wire":             {},
	"state":                     {"internal/sys", "internal/wire", "spec"},
	"relay":                     {"internal/sys"},
	"bwrap":                     {"spec"},
	"internal/pathsafe":         {"spec"},
	"image/tree":                {"internal/pathsafe", "spec"},
	"image/unpacker":            {"image/tree", "image/unpack", "internal/subid", "spec"},
	"internal/subid":            {"spec"},
	"image/ref":                 {"spec"},
	"image/record":              {"spec"},
	"image/store":               {"image/record", "image/ref", "spec"},
	"image/keep":                {"image/ref", "spec"},
	"image/config":              {"image/record", "spec"},
	"image/blob":                {"image/store", "spec"},
	"image/unpack":              {"internal/pathsafe", "spec"},
	"image/pull":                {"image/blob", "image/record", "image/ref", "image/source", "image/source/oci", "image/store", "image/unpack", "image/unpacker", "internal/pathsafe", "internal/subid", "spec"},
	"image/upkeep":              {"image/blob", "image/pull", "image/record", "image/ref", "image/source", "image/store", "image/tree", "image/unpacker", "internal/subid", "spec"},
	"image/output":              {"image/blob", "image/keep", "image/pull", "image/record", "image/ref", "image/source", "image/source/oci", "image/store", "image/unpack", "internal/subid", "spec"},
	"image/source/oci":          {"spec"},
	"image/source/config":       {"image/source/oci", "spec"},
	"image/source/registry":     {"image/source/config", "image/source/oci", "spec"},
	"image/source/layout":       {"image/source/oci"},
	"image/source/archive":      {"image/source/oci"},
	"image/source":              {"image/ref", "image/source/archive", "image/source/config", "image/source/layout", "image/source/oci", "image/source/registry"},
	"mount":                     {"spec", "internal/feature", "internal/plan", "internal/sys"},
	"userns":                    {"internal/subid", "spec", "internal/feature", "internal/plan", "internal/sys"},
	"landlock":                  {"spec", "internal/feature", "internal/plan", "internal/sys", "internal/wire"},
	"seccomp":                   {"spec"},
	"policy":                    {"seccomp", "spec"},
	"profile":                   {"spec"},
	"terminal":                  {"internal/sys"},
	"profiles":                  {},
	"unit":                      {"seccomp", "spec"},
	"service":                   {"internal/sys", "spec"},
	"sandbox": {"internal/subid", "init", "internal/child", "internal/feature", "internal/forward", "internal/plan", "internal/sys", "internal/wire",
		"landlock", "mount", "seccomp", "spec", "userns"},
	"cmd/lichen-tools": {"image/blob", "image/output", "image/pull", "image/record", "image/ref", "image/source", "image/source/config", "image/source/oci", "image/store", "image/unpack", "image/unpacker", "image/upkeep", "internal/subid", "profile", "profiles", "spec", "unit"},
	"cmd/lichen-bwrap": {"bwrap", "internal/feature", "internal/forward", "internal/nofile", "internal/sys", "sandbox", "spec"},
	"cgroup":           {"spec"},
	"cmd/lichen":       {"bwrap", "cgroup", "image/config", "image/keep", "image/record", "image/ref", "image/store", "internal/feature", "internal/forward", "internal/plan", "internal/subid", "internal/sys", "policy", "profile", "profiles", "relay", "sandbox", "seccomp", "service", "spec", "state", "terminal"},
}

// outside lists what packages may import besides the standard library.
var outside = map[string][]string{
	"internal/sys": {"golang.org/x/sys/unix"},
	"profile":      {"github.com/BurntSushi/toml"},
	"cmd/lichen":   {"github.com/jessevdk/go-flags"},

	"cmd/lichen-tools": {"github.com/godbus/dbus/v5", "github.com/jessevdk/go-flags", "github.com/vbauerster/mpb/v8", "github.com/vbauerster/mpb/v8/decor"},
	"image/output": {"github.com/klauspost/compress/gzip", "github.com/klauspost/compress/zstd",
		"github.com/landlock-lsm/go-landlock/landlock/syscall", "golang.org/x/sys/unix"},
	"internal/pathsafe": {"golang.org/x/sys/unix"},
	"image/tree":        {"golang.org/x/sys/unix"},
	"image/unpacker": {"golang.org/x/sys/unix", "github.com/klauspost/compress/gzip", "github.com/klauspost/compress/zstd",
		"github.com/landlock-lsm/go-landlock/landlock", "github.com/landlock-lsm/go-landlock/landlock/syscall"},
	"image/unpack":         {"golang.org/x/sys/unix"},
	"image/source/oci":     {"github.com/google/go-containerregistry/pkg/v1/types"},
	"image/source/config":  {"github.com/BurntSushi/toml"},
	"image/source/archive": {"github.com/klauspost/compress/gzip", "github.com/klauspost/compress/zstd"},
}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,Deps"}, args...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// TestImports keeps the layers apart: a front end makes Specs, a compiler
// package knows no other, and one package alone knows the order of things.
func TestImports(t *testing.T) {
	for _, p := range list(t, module+"...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "test") || strings.HasPrefix(name, "seccomp/internal/") || strings.HasPrefix(name, "demo") {
			continue
		}
		may, known := allowed[name]
		if !known {
			t.Errorf("%s is in no rule: add it to allowed", name)
			continue
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok {
				if !slices.Contains(may, own) {
					t.Errorf("%s imports %s, which it may not", name, own)
				}
			} else if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !slices.Contains(outside[name], imp) {
				t.Errorf("%s imports %s, which it may not", name, imp)
			}
		}
	}
}

// TestLaunchPathBudget holds what every start of the launcher pays for.
func TestLaunchPathBudget(t *testing.T) {
	modules := []string{module, "golang.org/x/sys/", "github.com/BurntSushi/toml", "github.com/jessevdk/go-flags"}
	// os/signal costs two threads and 50 page faults; see internal/forward.
	forbidden := []string{"os/signal", "net", "net/http", "crypto/tls", "crypto/x509", "os/user", "html/template", "text/template", "regexp", "go/ast", "log", "os/exec"}
	for _, p := range list(t, module+"cmd/lichen", module+"cmd/lichen-bwrap") {
		for _, dep := range p.Deps {
			if slices.Contains(forbidden, dep) {
				t.Errorf("%s links %s: every start would pay for it", p.ImportPath, dep)
			}
			first, _, _ := strings.Cut(dep, "/")
			if !strings.Contains(first, ".") {
				continue
			}
			if !slices.ContainsFunc(modules, func(m string) bool { return strings.HasPrefix(dep+"/", m) }) {
				t.Errorf("%s links %s, which is not in its budget", p.ImportPath, dep)
			}
		}
	}
}

// TestUnsafeOnlyInItsFiles keeps unsafe in files whose names say so.
func TestUnsafeOnlyInItsFiles(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.FieldsSeq(string(out)) {
		if strings.HasSuffix(file, "_unsafe.go") || strings.Contains(file, "/test/") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(src), "\"unsafe\"\n") {
			t.Errorf("%s imports unsafe: such code belongs in a *_unsafe.go file", file)
		}
	}
}
