package test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// psOutput is what "lichen ps --json" prints.
type psOutput struct {
	Version   int
	Sandboxes []struct {
		ID       string
		PID      int
		Launcher int `json:"launcher_pid"`
		Profile  string
		Command  []string
		Joinable bool
		Age      float64 `json:"age_s"`
	}
}

func (b *box) psList() (list psOutput) {
	b.t.Helper()
	o := b.listed("ps", "--json")
	if o.code != 0 {
		b.t.Fatalf("%+v", o)
	}
	b.check(json.Unmarshal([]byte(o.stdout), &list))
	return list
}

// TestList: what runs is listed, and only that.
func TestList(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.runtimeDir()
		if o := b.listed("ps"); o.code != 0 || strings.Count(o.stdout, "\n") != 1 {
			t.Errorf("nothing runs: %+v", o)
		}
		web := b.sandbox("web", nil, "sh", "-c", "echo ready; exec sleep 60")
		db := b.sandbox("db.1", []string{"-p", "base"}, "sh", "-c", "echo ready; exec sleep 60")
		list := b.psList()
		if len(list.Sandboxes) != 2 || list.Sandboxes[0].ID != "web" || list.Sandboxes[1].Profile != "base" || !list.Sandboxes[0].Joinable || list.Sandboxes[0].Launcher != web.cmd.Process.Pid {
			t.Errorf("%+v", list)
		}
		if o := b.listed("ps"); !strings.Contains(o.stdout, "web ") || !strings.Contains(o.stdout, `sh -c "echo ready; exec sleep 60"`) {
			t.Errorf("%+v", o)
		}
		taken := b.do(command{args: append(runArgs("--name", "web"), "echo", "started"), env: b.runtimeEnv()})
		b.fails(taken, 125, "web", "there is one of that name")
		if strings.Contains(taken.stdout, "started") {
			t.Error("a second one of the same name has run")
		}
		for _, bad := range []string{"", "-x", ".x", "a/b", "A", "a b", strings.Repeat("a", 33)} {
			b.fails(b.do(command{args: append(runArgs("--name="+bad), "true"), env: b.runtimeEnv()}), 125, "name")
		}
		b.fails(b.listed("kill", "nosuch"), 125, "nosuch", "lichen ps")
		b.fails(b.listed("kill"), 125)
		b.fails(b.listed("kill", "-s", "SEGV", "web"), 125, "SEGV")
		b.fails(b.listed("ps", "x"), 125)
		if o := b.listed("kill", "d"); o.code != 0 {
			t.Errorf("by the beginning of its name: %+v", o)
		}
		if o := db.wait(); o.code != 143 {
			t.Errorf("killed with TERM: %+v", o)
		}
		if o := b.listed("kill", "-s", "KILL", "web"); o.code != 0 {
			t.Errorf("%+v", o)
		}
		if o := web.wait(); o.code != 137 {
			t.Errorf("killed with KILL: %+v", o)
		}
		if left := b.psList(); len(left.Sandboxes) != 0 {
			t.Errorf("left: %+v", left)
		}
		if o := b.do(command{args: append(runArgs("--name", "web"), "true"), env: b.runtimeEnv()}); o.code != 0 {
			t.Errorf("the name is not free again: %+v", o)
		}
	})
}

// TestKillSends: a signal that the payload handles is the payload's.
func TestKillSends(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", nil, binDir+"/probe", "ids", "trap SIGTERM")
		p.line()
		for _, name := range []string{"USR1", "SIGHUP", "int", "12", "TERM"} {
			if o := b.listed("kill", "--signal", name, "box"); o.code != 0 {
				t.Errorf("%s: %+v", name, o)
			}
			if got := p.line(); !strings.HasPrefix(got, "SIG") {
				t.Errorf("%s: %q", name, got)
			}
		}
		if o := p.wait(); o.code != 42 {
			t.Errorf("%+v", o)
		}
		if !b.mayUse("landlock") {
			return
		}
		p = b.sandbox("box", []string{"-p", "landlock"}, binDir+"/probe", "spawn 2", "ids", "pause")
		b.listed("kill", "-s", "KILL", "box")
		if o := p.wait(); o.code != 137 {
			t.Errorf("%+v", o)
		}
		b.noProcesses()
	})
}

// TestCrashLeavesNoEntry: the list needs nobody to keep it.
func TestCrashLeavesNoEntry(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		p.kill()
		if list := b.psList(); len(list.Sandboxes) != 0 {
			t.Errorf("a sandbox whose launcher is gone is listed: %+v", list)
		}
		if left, _ := os.ReadDir(b.dir + "/runtime/lichen/run"); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestFiftyAtOnce: they do not get into each other's way.
func TestFiftyAtOnce(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.runtimeDir()
		const count = 50
		var all []*process
		for range count {
			all = append(all, b.start(command{args: append(runArgs("-p", "base"), "sh", "-c", "echo ready; exec sleep 60"), env: b.runtimeEnv()}))
		}
		for _, p := range all {
			p.line()
		}
		b.until("all are listed", func() bool { return strings.Count(b.listed("ps", "-q").stdout, "\n") == count })
		if o := b.listed("kill", "--all"); o.code != 0 {
			t.Errorf("%+v", o)
		}
		for _, p := range all {
			if o := p.wait(); o.code != 143 {
				t.Errorf("%+v", o)
			}
		}
		if left, _ := os.ReadDir(b.dir + "/runtime/lichen/run"); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}
