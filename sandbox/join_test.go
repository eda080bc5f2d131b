package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
)

// compiled is the plan of a shipped profile, and what is kept of it.
func compiled(t testing.TB, name string, over profile.Overrides) (*plan.Plan, []byte) {
	t.Helper()
	over.Command = []string{"true"}
	p, err := (&profile.Loader{Builtin: profiles.FS}).LoadWith(name, &over)
	if err != nil {
		t.Fatal(err)
	}
	f := someFacts()
	f.Environ = []string{"HOME=/tmp", "LANG=C", "PATH=/bin"}
	out, err := Compile(p.Spec, f)
	if err != nil {
		t.Fatal(err)
	}
	return out, out.Join.Append(nil)
}

// someFacts are this host's, with a Landlock that has everything, for an ordinary
// user.
func someFacts() *feature.Facts {
	f := feature.Gather(nil)
	f.UID, f.GID, f.LandlockABI = 1500, 1500, 7
	return f
}

var places = regexp.MustCompile(`\$[0-9]+|result of [0-9]+`)

// calls lists the ops of the payload that make a system call, with what they point
// to and without the numbers of slots and other ops.
func calls(t *testing.T, p *plan.Plan, nr uint64) (out []string) {
	t.Helper()
	text, err := p.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Ops []struct {
			Section, Call, Expect string
			Args, Tolerate        []string
			MustFail              []string `json:"must_fail"`
		}
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	for _, op := range read.Ops {
		if op.Section == plan.Payload.String() && op.Call == plan.CallName(nr) {
			out = append(out, places.ReplaceAllString(fmt.Sprint(op), "#"))
		}
	}
	return out
}

// TestJoinIsTheSame: what confines the payload confines who joins, op by op.
func TestJoinIsTheSame(t *testing.T) {
	for name, over := range map[string]profile.Overrides{
		"base": {}, "default": {Cwd: "/"}, "script": {Cwd: "/"}, "image": {Cwd: "/", Umask: "077", Limits: []string{"nofile=64"}, NewSession: true},
	} {
		original, data := compiled(t, name, over)
		j, err := ParseJoinable(data)
		if err != nil {
			t.Fatal(err)
		}
		joined, err := j.Join(&Target{outer: 50, inner: 51}, Command{Args: []string{"true"}}, someFacts())
		if err != nil {
			t.Fatal(err)
		}
		for _, nr := range []uint64{sys.SYS_LANDLOCK_CREATE_RULESET, sys.SYS_LANDLOCK_ADD_RULE, sys.SYS_LANDLOCK_RESTRICT_SELF, sys.SYS_SECCOMP, sys.SYS_CAPSET,
			sys.SYS_PRLIMIT64, sys.SYS_SETSID, sys.SYS_UNSHARE} {
			want, got := calls(t, original, nr), calls(t, joined, nr)
			if nr == sys.SYS_SECCOMP && len(want) != 1 || nr == sys.SYS_LANDLOCK_ADD_RULE && len(want) < 5 {
				t.Errorf("%s: the payload's plan has %d of %s", name, len(want), plan.CallName(nr))
			}
			if !slices.Equal(want, got) {
				t.Errorf("%s, %s:\npayload %q\njoined  %q", name, plan.CallName(nr), want, got)
			}
		}
		if again := j.Append(nil); !bytes.Equal(again, data) {
			t.Errorf("%s: what was read is written in another way", name)
		}
	}
}

// TestJoinOrder: nobody is in the payload's user namespace who can be inspected.
func TestJoinOrder(t *testing.T) {
	_, data := compiled(t, "base", profile.Overrides{})
	j, err := ParseJoinable(data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := j.Join(&Target{outer: 50, inner: 51}, Command{Args: []string{"true"}}, someFacts())
	if err != nil {
		t.Fatal(err)
	}
	ops := p.Ops[plan.Enter]
	dumpable := func(i int, option uint64) bool {
		return ops[i].Nr == sys.SYS_PRCTL && ops[i].Args[0] == option && ops[i].Args[1] == 0
	}
	entered := 0
	for i, op := range ops {
		if op.Nr != sys.SYS_SETNS {
			continue
		}
		entered++
		if op.Args[1] == sys.CLONE_NEWUSER && !dumpable(i+1, sys.PR_SET_DUMPABLE) {
			t.Errorf("op %d enters a user namespace and is not closed to inspection after it", i)
		}
	}
	last := len(ops) - 1
	if !dumpable(1, sys.PR_SET_DUMPABLE) || !dumpable(last, sys.PR_GET_DUMPABLE) || ops[last].Check != plan.CheckEqual || entered != 2 {
		t.Errorf("the way in is not closed: %d ops, %d namespaces", len(ops), entered)
	}
	if !p.Direct || p.Moves != 1 || p.CloneFlags != 0 {
		t.Errorf("direct %v, moves %d, flags %#x", p.Direct, p.Moves, p.CloneFlags)
	}
}

// FuzzParseJoinable: what is not damaged is compiled; nothing ends the program.
func FuzzParseJoinable(f *testing.F) {
	_, data := compiled(f, "base", profile.Overrides{})
	f.Add(data)
	facts := someFacts()
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := ParseJoinable(data)
		if err != nil {
			return
		}
		p, err := j.Join(&Target{outer: 50, inner: 51}, Command{Args: []string{"true"}}, facts)
		if err != nil {
			return
		}
		if err := p.WriteText(&bytes.Buffer{}); err != nil {
			t.Error(err)
		}
	})
}

// TestJoinCheck: what cannot be confined in the same way cannot be joined.
func TestJoinCheck(t *testing.T) {
	const all = sys.CLONE_NEWUSER | sys.CLONE_NEWNS | sys.CLONE_NEWPID
	for name, c := range map[string]struct {
		j  Joinable
		ok bool
	}{
		"namespaces": {Joinable{flags: all}, true}, "landlock": {Joinable{}, false}, "no pid namespace": {Joinable{flags: sys.CLONE_NEWUSER | sys.CLONE_NEWNS}, false},
		"ranges": {Joinable{flags: all, ranges: true}, false},
	} {
		if err := c.j.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJoinEnviron: the payload's environment, without what means the payload alone.
func TestJoinEnviron(t *testing.T) {
	j := &Joinable{env: []string{"A=1", "HOME=/h", "LISTEN_PID=2", "LISTEN_FDS=1", "NOTIFY_SOCKET=/s", "AB=2"}}
	if got := j.environ([]string{"A=x", "NEW="}); !slices.Equal(got, []string{"HOME=/h", "AB=2", "A=x", "NEW="}) {
		t.Errorf("%q", got)
	}
}
