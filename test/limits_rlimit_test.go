package test

import (
	"fmt"
	"strings"
	"testing"
)

// rlimits are all of getrlimit(2), with their names in /proc/self/limits, and
// values that leave a program room to start.
var rlimits = []struct {
	name, title string
	soft, hard  uint64
	unit        string // appended to the values of a profile
	factor      uint64
}{
	{"as", "Max address space", 3, 4, "G", 1 << 30},
	{"core", "Max core file size", 4096, 8192, "", 1},
	{"cpu", "Max cpu time", 100, 200, "", 1},
	{"data", "Max data size", 2, 3, "G", 1 << 30},
	{"fsize", "Max file size", 5, 6, "M", 1 << 20},
	{"locks", "Max file locks", 10, 20, "", 1},
	{"memlock", "Max locked memory", 16, 32, "K", 1 << 10},
	{"msgqueue", "Max msgqueue size", 1000, 2000, "", 1},
	{"nice", "Max nice priority", 0, 0, "", 1}, // what everybody has
	{"nofile", "Max open files", 50, 60, "", 1},
	{"nproc", "Max processes", 900, 1000, "", 1},
	{"rss", "Max resident set", 1, 2, "G", 1 << 30},
	{"rtprio", "Max realtime priority", 0, 0, "", 1},
	{"rttime", "Max realtime timeout", 1000, 2000, "", 1},
	{"sigpending", "Max pending signals", 100, 200, "", 1},
	{"stack", "Max stack size", 1, 2, "M", 1 << 20},
}

// TestEveryRlimit: each resource limit holds inside as asked for, alone, with both
// values, and all together; and nothing raises a hard limit.
func TestEveryRlimit(t *testing.T) {
	if len(rlimits) != 16 { // RLIM_NLIMITS
		t.Fatal(len(rlimits))
	}
	forUsers(t, func(t *testing.T, b *box) {
		var all []string
		for _, r := range rlimits {
			pair := fmt.Sprintf("%s=%d%s:%d%s", r.name, r.soft, r.unit, r.hard, r.unit)
			if r.name == "nproc" && b.user.uid == 0 {
				b.fails(b.lichen("run", "--limit", pair, "--", "true"), 125, "nproc")
				continue
			}
			all = append(all, "--limit", pair)
			o := b.lichen("run", "--limit", fmt.Sprintf("%s=%d%s", r.name, r.soft, r.unit), "--", "cat", "/proc/self/limits")
			if got := limitOf(o.stdout, r.title); o.code != 0 || got != fmt.Sprint(r.soft*r.factor, " ", r.soft*r.factor) {
				t.Errorf("%s: status %d, %q %s", r.name, o.code, got, o.stderr)
			}
			b.refusesToRaise(r.name, r.hard*r.factor)
		}
		o := b.lichen(append(append([]string{"run"}, all...), "--", "cat", "/proc/self/limits")...)
		for _, r := range rlimits {
			if r.name == "nproc" && b.user.uid == 0 {
				continue
			}
			if got := limitOf(o.stdout, r.title); got != fmt.Sprint(r.soft*r.factor, " ", r.hard*r.factor) {
				t.Errorf("%s among others: %q %s", r.name, got, o.stderr)
			}
		}
	})
}

// limitOf returns the soft and the hard limit in /proc/self/limits.
func limitOf(limits, title string) string {
	for line := range strings.Lines(limits) {
		if rest, ok := strings.CutPrefix(line, title); ok {
			if f := strings.Fields(rest); len(f) >= 2 {
				return f[0] + " " + f[1]
			}
		}
	}
	return ""
}

// refusesToRaise asks for one more than the caller's own hard limit, and for the
// limit itself.
func (b *box) refusesToRaise(name string, hard uint64) {
	b.t.Helper()
	under := func(value string) output {
		args := lichenArgs("run", "--limit", name+"="+value, "--", "true")
		return b.do(command{args: append([]string{"prlimit", fmt.Sprintf("--%s=%d:%d", name, hard, hard), "--"}, args...)})
	}
	b.fails(under(fmt.Sprint(hard+1)), 125, "limit "+name, fmt.Sprint("your own hard limit of ", hard), "hint:")
	b.fails(under("unlimited"), 125, "limit "+name, "unlimited is more than")
	if o := under(fmt.Sprint(hard)); o.code != 0 {
		b.t.Errorf("%s=%d, which is the limit: %+v", name, hard, o)
	}
}

// TestCPULimit: the verdict is told from other deaths.
func TestCPULimit(t *testing.T) {
	b := newBox(t, users()[0]) // takes long, and does not depend on who asks
	const busy = "while :; do :; done"
	for _, c := range []struct {
		limit, script string
		code          int
		says          string
	}{
		{"cpu=1", busy, 137, "limits.cpu = 1s of CPU time"},
		{"cpu=1:50", busy, 128 + 24, "limits.cpu = 1s of CPU time"},
		{"cpu=1:2", "trap '' XCPU; " + busy, 137, "limits.cpu = 1s of CPU time"},
		{"cpu=1", "kill -XCPU $$", 128 + 24, ""},
		{"cpu=1", "kill -KILL $$", 137, ""},
		{"cpu=60", "kill -KILL $$", 137, ""},
	} {
		o := b.lichen("run", "--limit", c.limit, "--", "sh", "-c", c.script)
		if o.code != c.code || (o.stderr == "") != (c.says == "") || !strings.Contains(o.stderr, c.says) {
			t.Errorf("%s, %q: %+v", c.limit, c.script, o)
		}
	}
}
