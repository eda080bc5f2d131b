package sandbox_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/feature/fakehost"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

var update = flag.Bool("update", false, "write the plans that come out into the golden files")

// TestGolden compares whole plans with testdata/*.txtar: the profile, the facts
// about the host, and the plan or the error that must come of them. A change
// in a plan is a change in what lichen promises: read the difference.
func TestGolden(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the plans hold amd64's filters")
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a := readArchive(t, file)
			got := compileGolden(t, a)
			if *update {
				a.set("want", got)
				a.write(t, file)
				return
			}
			if want := a.get("want"); got != want {
				t.Errorf("%s: the plan differs; see the difference with -update and git diff\n%s", file, firstDifference(got, want))
			}
		})
	}
}

// compileGolden returns the plan as text, or the error with its hint.
func compileGolden(t *testing.T, a *archive) string {
	t.Helper()
	loader := &profile.Loader{
		Builtin: fstest.MapFS{"test.toml": {Data: []byte(a.get("profile.toml"))}, "base.toml": shipped(t, "base"), "default.toml": shipped(t, "default")},
		Vars:    profile.Vars{Env: a.env, Dir: "/home/u/work"},
	}
	p, err := loader.Load("test")
	if err != nil {
		return describeError(err)
	}
	if tree, ok := strings.CutPrefix(p.Spec.Rootfs.Image, "dir:"); ok { // what the front end does
		p.Spec.Mounts = append(p.Spec.Mounts, spec.Mount{Type: spec.MountImage, Source: tree, Target: "/", Write: p.Spec.Rootfs.Write != spec.WriteNone,
			Origin: p.Spec.OriginOf("rootfs.image")})
	}
	compiled, err := sandbox.Compile(p.Spec, a.facts(t))
	if err != nil {
		return describeError(err)
	}
	var out bytes.Buffer
	if err := compiled.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func shipped(t *testing.T, name string) *fstest.MapFile {
	t.Helper()
	data, err := fs.ReadFile(profiles.FS, name+".toml")
	if err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: data}
}

func describeError(err error) string {
	out := "error: " + err.Error() + "\n"
	var e *spec.Error
	if errors.As(err, &e) && e.Hint != "" {
		out += "hint: " + e.Hint + "\n"
	}
	return out
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "line " + strconv.Itoa(i+1) + "\n got  " + g[i] + "\n want " + w[i]
		}
	}
	return strconv.Itoa(len(g)) + " lines, want " + strconv.Itoa(len(w))
}

// archive is a text of sections, each after a line "-- NAME --".
type archive struct {
	comment string
	names   []string
	data    map[string]string
}

func readArchive(t *testing.T, file string) *archive {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{data: map[string]string{}}
	name := ""
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(rest, " --\n") {
			name = strings.TrimSuffix(rest, " --\n")
			a.names, a.data[name] = append(a.names, name), ""
			continue
		}
		if name == "" {
			a.comment += line
		}
		a.data[name] += line
	}
	return a
}

func (a *archive) get(name string) string { return a.data[name] }

func (a *archive) set(name, text string) {
	if _, ok := a.data[name]; !ok {
		a.names = append(a.names, name)
	}
	a.data[name] = text
}

func (a *archive) write(t *testing.T, file string) {
	t.Helper()
	out := a.comment
	for _, n := range a.names {
		out += "-- " + n + " --\n" + a.data[n]
	}
	if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}

// env is the caller's environment as the loader sees it.
func (a *archive) env(name string) (string, bool) {
	for line := range strings.Lines(a.get("environment")) {
		if n, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && n == name {
			return v, true
		}
	}
	return "", false
}

// facts reads "uid N", "gid N", "landlock N", "subids FIRST-LAST" and "terminals
// FD,…" lines and the host's files.
func (a *archive) facts(t *testing.T) *feature.Facts {
	t.Helper()
	f := &feature.Facts{UID: 1000, GID: 1000, LandlockABI: 7, Files: fakehost.Parse(a.get("files")),
		HardLimit:  func(int) uint64 { return spec.RlimInfinity },
		Descriptor: func(int) feature.Descriptor { return feature.Descriptor{} }}
	for line := range strings.Lines(a.get("environment")) {
		f.Environ = append(f.Environ, strings.TrimSpace(line))
	}
	for line := range strings.Lines(a.get("facts")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "subids":
			f.SubIDs = subIDs(t, f, value)
			continue
		case "terminals":
			f.Terminal = func(fd int) bool { return strings.Contains(value, strconv.Itoa(fd)) }
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("facts: %q", line)
		}
		switch key {
		case "uid":
			f.UID = uint32(n)
		case "gid":
			f.GID = uint32(n)
		case "landlock":
			f.LandlockABI = n
		default:
			t.Fatalf("facts: %q", line)
		}
	}
	return f
}

// subIDs is a host that has one range of ids for the caller.
func subIDs(t *testing.T, f *feature.Facts, text string) func() (subid.Mapping, error) {
	t.Helper()
	first, last, _ := strings.Cut(text, "-")
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err != nil || err2 != nil {
		t.Fatalf("facts: subids %q", text)
	}
	return func() (m subid.Mapping, err error) {
		ranges := []subid.Range{{First: uint32(from), Count: uint32(to - from + 1), Origin: spec.Origin{File: subid.UIDFile, Line: 1}}}
		if m.UIDs, err = subid.NewMap(f.UID, ranges); err != nil {
			return m, err
		}
		m.GIDs, err = subid.NewMap(f.GID, ranges)
		return m, err
	}
}
