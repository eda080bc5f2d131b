package test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

type injected struct {
	Op                               int
	Section, Note, Call, Error, Code string
	FDs, Children                    string
	Failed                           int
}

// TestEveryOpFails protects P10 and the errors: every op of a real plan is
// made to fail once, and each time the message names it, the blame is on the
// right op, and no process, descriptor, file or mount is left.
func TestEveryOpFails(t *testing.T) {
	for _, profile := range []string{"default", "build", "script", "landlock"} {
		t.Run(profile, func(t *testing.T) {
			forUsers(t, func(t *testing.T, b *box) {
				if !b.mayUse(profile) {
					return
				}
				b.everyOpFails("-profile", profile)
			})
		})
	}
	t.Run("ranges", func(t *testing.T) {
		forRanges(t, func(t *testing.T, b *box) { b.everyOpFails("-ids", "subuid") })
	})
	t.Run("terminal", func(t *testing.T) {
		forUsers(t, func(t *testing.T, b *box) { b.everyOpFails("-pty") })
	})
	t.Run("fake ids", func(t *testing.T) {
		forUsers(t, func(t *testing.T, b *box) { b.everyOpFails("-ids", "fake") })
	})
}

func (b *box) everyOpFails(options ...string) {
	b.t.Helper()
	before := b.treeOf(b.dir)
	args := append([]string{binDir + "/inject", "-fail", "-ro", binDir}, options...)
	o := b.do(command{args: append(args, "--", binDir+"/probe", "spawn 2", "sleep 200"), limit: 3 * deadline})
	if o.code != 0 {
		b.t.Fatal(o.stderr)
	}
	lines := 0
	dec := json.NewDecoder(strings.NewReader(o.stdout))
	for dec.More() {
		var r injected
		if strings.HasPrefix(o.stdout[dec.InputOffset():], "\n{\"probe\"") || strings.HasPrefix(o.stdout[dec.InputOffset():], "{\"probe\"") {
			var payload any // the first run, with nothing wrong, and failures after exec
			b.check(dec.Decode(&payload))
			continue
		}
		b.check(dec.Decode(&r))
		lines++
		checkInjected(b.t, r)
	}
	if lines < 100 {
		b.t.Errorf("only %d ops", lines)
	}
	if after := b.treeOf(b.dir); after != before {
		b.t.Errorf("files changed:\n%s\nbefore:\n%s", after, before)
	}
}

func checkInjected(t *testing.T, r injected) {
	t.Helper()
	if r.FDs != "" || r.Children != "" {
		t.Errorf("op %d (%s, %s): left %s %s", r.Op, r.Note, r.Call, r.FDs, r.Children)
	}
	if r.Section == "" {
		if r.Error != "" {
			t.Errorf("without any failure: %s", r.Error)
		}
		return
	}
	if !strings.HasPrefix(r.Error, strings.TrimSpace(r.Note)) {
		t.Errorf("op %d of %s: the error %q does not say %q", r.Op, r.Section, r.Error, r.Note)
	}
	if r.Failed != r.Op {
		t.Errorf("op %d of %s: blamed op %d: %s", r.Op, r.Section, r.Failed, r.Error)
	}
}

// TestKilledAtEveryPoint protects P7: whatever the sandbox is doing when its
// launcher is killed, nothing of it remains, and a payload that had not started
// never does.
func TestKilledAtEveryPoint(t *testing.T) {
	for _, profile := range []string{"default", "landlock"} {
		t.Run(profile, func(t *testing.T) {
			forUsers(t, func(t *testing.T, b *box) {
				if !b.mayUse(profile) {
					return
				}
				b.killedAtEveryPoint("-profile", profile)
			})
		})
	}
	t.Run("ranges", func(t *testing.T) {
		forRanges(t, func(t *testing.T, b *box) { b.killedAtEveryPoint("-ids", "subuid") })
	})
}

func (b *box) killedAtEveryPoint(options ...string) {
	b.t.Helper()
	args := append([]string{binDir + "/inject", "-ro", binDir, "-rw", b.ctl}, options...)
	payload := []string{"--", binDir + "/probe", "create " + b.ctl + "/ran", "spawn 2", "pause"}
	o := b.do(command{args: append(append(args, "-count"), payload...)})
	f := strings.Fields(o.stdout)
	if len(f) != 3 {
		b.t.Fatalf("%q %s", o.stdout, o.stderr)
	}
	n, err := strconv.Atoi(f[0])
	b.check(err)
	runs, err := strconv.Atoi(f[2])
	b.check(err)
	for i := range n {
		b.killAt(i, i < runs, append(append(args, "-stop", strconv.Itoa(i)), payload...))
	}
}

// killAt kills a launcher whose sandbox is held before op i.
func (b *box) killAt(i int, early bool, args []string) {
	b.t.Helper()
	p := b.start(command{args: args})
	held := false
	for !held {
		select {
		case line, ok := <-p.out.lines:
			if !ok {
				b.t.Fatalf("op %d: ended early: %s", i, &p.stderr)
			}
			held = strings.HasPrefix(line, "held")
		case <-time.After(300 * time.Millisecond):
			held = true // PID 1 has no standard output any more
		}
	}
	p.kill()
	if left := b.survivors(); len(left) > 0 {
		b.t.Errorf("killed before op %d: left %s", i, strings.Join(left, "; "))
		b.noProcesses()
	}
	ran := b.ctl + "/ran"
	if _, err := os.Lstat(ran); err == nil {
		b.check(os.Remove(ran))
		if early {
			b.t.Errorf("killed before op %d: the payload ran without its launcher", i)
		}
	}
}

// survivors waits a while for the end of every process below the suite.
func (b *box) survivors() (left []string) {
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if left = descendants(); len(left) == 0 {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return left
}
