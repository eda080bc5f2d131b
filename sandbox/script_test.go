package sandbox_test

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/bwrap"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestScriptGolden is TestGolden for command lines of bubblewrap.
func TestScriptGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a := readArchive(t, file)
			var args, environ []string
			for line := range strings.Lines(a.get("args")) {
				args = append(args, strings.TrimSuffix(line, "\n"))
			}
			for line := range strings.Lines(a.get("environment")) {
				environ = append(environ, strings.TrimSuffix(line, "\n"))
			}
			got := ""
			f := a.facts(t)
			if p, err := compileArgs(t, f, environ, args...); err != nil {
				got = describeError(err)
			} else {
				got = planText(t, p)
			}
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

// compileArgs compiles a command line as the program does.
func compileArgs(t *testing.T, f *feature.Facts, environ []string, args ...string) (*plan.Plan, error) {
	t.Helper()
	c, err := bwrap.Parse(args, bwrap.Options{Root: f.UID == 0})
	if err != nil {
		t.Fatal(err)
	}
	limit := uint64(1024)
	h := &bwrap.Host{Environ: environ, Dir: "/home/u/work", NoFile: &limit, Terminal: "/dev/pts/7",
		Read:   func(fd int) ([]byte, error) { return []byte("what " + strconv.Itoa(fd) + " holds\n"), nil },
		Path:   func(int) (string, error) { return "/data", nil },
		FreeFD: func() int { return 600 }}
	for range c.SeccompFDs {
		h.Filters = append(h.Filters, []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}) // allow all
	}
	s, err := c.Spec(h)
	if err != nil {
		return nil, err
	}
	return sandbox.Compile(s, f)
}

func planText(t *testing.T, p *plan.Plan) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestScriptIsLinear protects what thousands of binds cost: each adds the same
// number of ops as the one before.
func TestScriptIsLinear(t *testing.T) {
	ops := func(n int, dest string) int {
		s := &spec.Spec{Process: spec.Process{Command: []string{"true"}},
			Script: &spec.Script{UserNS: spec.NoFD, UserNS2: spec.NoFD, PIDNS: spec.NoFD, BlockFD: spec.NoFD}}
		s.Script.Steps = append(s.Script.Steps, spec.Step{Kind: spec.StepBind, Source: "/", SourceFD: spec.NoFD, Target: "/"},
			spec.Step{Kind: spec.StepTmpfs, Target: "/own"})
		for i := range n {
			s.Script.Steps = append(s.Script.Steps, spec.Step{Kind: spec.StepBind, Source: "/usr", SourceFD: spec.NoFD, Target: dest + strconv.Itoa(i)})
		}
		p, err := sandbox.Compile(s, (&archive{data: map[string]string{"files": "/usr dir\n"}}).facts(t))
		if err != nil {
			t.Fatal(err)
		}
		return p.Len()
	}
	for _, dest := range []string{"/own/a/b", "/missing/a/b"} {
		one, two, three := ops(100, dest), ops(200, dest), ops(300, dest)
		if each := two - one; three-two != each || each > 100*12 {
			t.Errorf("%s: 100, 200 and 300 binds are %d, %d and %d ops", dest, one, two, three)
		}
	}
}
