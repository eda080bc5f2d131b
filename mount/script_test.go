package mount

import (
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature/fakehost"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// scriptHost has a directory with links in it that a payload may have planted.
func scriptHost() fakehost.Files {
	return fakehost.Parse("/usr/bin/x file\n/app/real/f file\n/app/abs -> /etc\n/app/in -> real\n/app/up -> ../usr\n/app/dead -> nowhere\n" +
		"/lower/x file\n/etc/passwd file\n/up -> usr/../app/../usr\n/loop -> loop\n/proc/sys/x file\n")
}

func scriptOps(t testing.TB, steps ...spec.Step) ([]plan.Op, *plan.Plan, error) {
	t.Helper()
	b := plan.NewBuilder()
	s := &spec.Script{Steps: steps, FreeFD: 100, Terminal: "/dev/pts/0"}
	if err := Script(b, s, ScriptOptions{Files: scriptHost(), Dir: "/app", OwnProcesses: true}); err != nil {
		return nil, nil, err
	}
	p, err := b.Finish()
	if err != nil {
		return nil, nil, err
	}
	return p.Ops[plan.Setup], p, nil
}

func step(kind spec.StepKind, source, target string) spec.Step {
	return spec.Step{Kind: kind, Source: source, SourceFD: spec.NoFD, Target: target, Lower: []string{"/lower", "/usr"}, Upper: "/app", Work: "/app/real", Content: []byte("x")}
}

// checkSlots follows every descriptor: one that is used is open, and in the end
// all are closed.
func checkSlots(t *testing.T, p *plan.Plan, ops []plan.Op) {
	t.Helper()
	open := map[plan.Slot]bool{}
	for i := range ops {
		op := &ops[i]
		for a := range op.Args {
			if s := plan.Slot(op.Args[a]); op.Slots>>a&1 != 0 && !open[s] {
				t.Fatalf("op %d (%v) uses slot %d, which is not open", i, p.Notes[op.Note], s)
			}
		}
		if op.Nr == sys.SYS_CLOSE && op.Slots&1 != 0 {
			delete(open, plan.Slot(op.Args[0]))
		}
		if op.Result >= 0 {
			if open[op.Result] {
				t.Fatalf("op %d (%v) overwrites slot %d", i, p.Notes[op.Note], op.Result)
			}
			open[op.Result] = true
		}
	}
	if len(open) > 0 {
		t.Fatalf("slots are left open: %v", open)
	}
}

// FuzzScript makes scripts of a few names that meet each other in every way.
func FuzzScript(f *testing.F) {
	f.Add([]byte{0, 0, 0, 5, 1, 1, 8, 2, 2})
	f.Add([]byte("a few words as a script of steps"))
	names := []string{"/", "/app", "/app/real", "/app/abs/x", "/app/in/y", "/a", "/a/b", "/a/b/c", "a/../b", "/app/new/er", "/up/x", "/dev", "/dev/pts/x", "/proc/sys", "", "/usr/bin/x", "/app/dead", "/a/"}
	f.Fuzz(func(t *testing.T, data []byte) {
		var steps []spec.Step
		for ; len(data) >= 3 && len(steps) < 40; data = data[3:] {
			st := step(spec.StepKind(data[0]%14), names[int(data[1])%len(names)], names[int(data[2])%len(names)])
			st.Write, st.Dev, st.Optional = data[0]&16 != 0, data[0]&32 != 0, data[0]&64 != 0
			steps = append(steps, st)
		}
		ops, p, err := scriptOps(t, steps...)
		if err != nil {
			return
		}
		checkSlots(t, p, ops)
		if most := 60 + 130*len(steps); len(ops) > most {
			t.Errorf("%d steps became %d ops", len(steps), len(ops))
		}
	})
}

// TestSources protects that the child gets a path without links and dots.
func TestSources(t *testing.T) {
	for _, c := range []struct{ source, want, err string }{
		{"/usr", "/usr", ""}, {"real", "/app/real", ""}, {"./real/../real", "/app/real", ""}, {"/app/up", "/usr", ""}, {"/up", "/usr", ""},
		{"/up/bin/x", "/usr/bin/x", ""}, {"/app/in/f", "/app/real/f", ""}, {"/app/dead", "", "file does not exist"}, {"/loop", "", "too many levels of symbolic links"},
		{"", "", "no such file or directory"}, {"/usr/bin/x/", "", "not a directory"}, {"/", "/", ""}, {"/usr/..", "/", ""}, {"../../..", "/", ""},
	} {
		ops, p, err := scriptOps(t, step(spec.StepBind, c.source, "/x"))
		switch {
		case c.err != "" && (err == nil || !strings.HasSuffix(err.Error(), c.err)):
			t.Errorf("%s: error %v, want %s", c.source, err, c.err)
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.source, err)
		case c.err == "":
			for i := range ops {
				if ops[i].Nr == sys.SYS_OPEN_TREE {
					if got := p.Text(&ops[i], 1); got != c.want {
						t.Errorf("%s: %s, want %s", c.source, got, c.want)
					}
					break
				}
			}
		}
	}
	if _, _, err := scriptOps(t, spec.Step{Kind: spec.StepBind, Source: "/nonexistent", SourceFD: spec.NoFD, Target: "/x", Optional: true}); err != nil {
		t.Errorf("an optional source: %v", err)
	}
}

// TestPlainNames protects the host from names that are looked up from the new
// root's descriptor without RESOLVE_IN_ROOT: only where nothing but the script's
// own directories is on the way.
func TestPlainNames(t *testing.T) {
	bind := func(source, target string) spec.Step { return step(spec.StepBind, source, target) }
	dir := func(target string) spec.Step { return step(spec.StepDir, "", target) }
	link := func(text, target string) spec.Step { return step(spec.StepSymlink, text, target) }
	for _, c := range []struct {
		name  string
		steps []spec.Step
		plain bool // whether the last step's target may be a name
	}{
		{"its own directory", []spec.Step{dir("/own/a"), dir("/own/a/b")}, true},
		{"the root of a bind", []spec.Step{bind("/app", "/m"), dir("/m/new")}, true},
		{"in a bind", []spec.Step{bind("/app", "/m"), dir("/m/real/new")}, false},
		{"below its own link", []spec.Step{link("a", "/l"), dir("/l/x")}, false},
		{"after a step below its own link", []spec.Step{link("a", "/l"), dir("/l/x"), dir("/own/x")}, false},
		{"after a mount on its own link", []spec.Step{dir("/own"), link("own", "/l"), bind("/app", "/l"), dir("/own/x")}, false},
		{"after a mount through a planted link", []spec.Step{dir("/etc"), bind("/app", "/m"), bind("/app", "/m/abs"), dir("/etc/x")}, false},
		{"after a mount below a planted link", []spec.Step{dir("/etc"), bind("/app", "/m"), bind("/app", "/m/abs/y"), dir("/etc/y/x")}, false},
		{"after a mount on a real directory of a bind", []spec.Step{dir("/own"), bind("/app", "/m"), bind("/app", "/m/real"), dir("/own/x")}, true},
		{"in a dev", []spec.Step{step(spec.StepDev, "", "/dev"), dir("/dev/shm/x")}, true},
		{"below a link of dev", []spec.Step{step(spec.StepDev, "", "/dev"), dir("/dev/fd/x")}, false},
		{"in a tmpfs on a bind", []spec.Step{bind("/app", "/m"), step(spec.StepTmpfs, "", "/m"), dir("/m/a/b")}, true},
		{"in a tmpfs in a bind", []spec.Step{bind("/app", "/m"), step(spec.StepTmpfs, "", "/m/real"), dir("/m/real/b")}, false},
		{"in an overlay", []spec.Step{step(spec.StepTmpOverlay, "", "/o"), dir("/o/a/b")}, false},
	} {
		ops, p, err := scriptOps(t, c.steps...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		checkSlots(t, p, ops)
		last := strings.TrimPrefix(c.steps[len(c.steps)-1].Target, "/")
		got := false
		for i := range ops {
			got = got || ops[i].Nr == sys.SYS_MKDIRAT && p.Text(&ops[i], 1) == last
		}
		if got != c.plain {
			t.Errorf("%s: made by name: %v", c.name, got)
		}
	}
}
