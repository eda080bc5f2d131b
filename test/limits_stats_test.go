package test

import (
	"encoding/json"
	"os"
	"testing"
)

// figures is the object that --stats writes.
type figures struct {
	Status   *int   `json:"status"`
	Signal   int    `json:"signal"`
	TimedOut bool   `json:"timed_out"`
	Limit    string `json:"limit"`
	Rusage   struct {
		Wall   int64 `json:"wall_us"`
		User   int64 `json:"user_us"`
		System int64 `json:"system_us"`
		MaxRSS int64 `json:"maxrss_kb"`
		Minor  int64 `json:"minor_faults"`
		Waits  int64 `json:"voluntary_switches"`
	} `json:"rusage"`
}

// TestStats protects job runners: what a sandbox has used, all its processes
// together, is in one object.
func TestStats(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		file := b.ctl + "/stats"
		b.check(os.WriteFile(file, []byte("what was there before, and is longer than what comes, by quite a bit and more"), 0o644))
		b.check(os.Chown(file, b.user.uid, b.user.uid))
		const work = "head -c 50000000 /dev/zero | tail -c 40000000 >/dev/null; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 0.1; exit 3"
		o := b.lichen("run", "--stats", file, "--", "sh", "-c", work)
		var f figures
		if err := json.Unmarshal([]byte(readFile(b, file)), &f); err != nil || o.code != 3 || o.stdout != "" || o.stderr != "" {
			t.Fatalf("%+v %v %q", o, err, readFile(b, file))
		}
		u := f.Rusage
		if f.Status == nil || *f.Status != 3 || u.Wall < 100_000 || u.User <= 0 || u.User+u.System > 4*u.Wall || u.MaxRSS < 30_000 || u.Minor < 100 || u.Waits < 1 {
			t.Errorf("%s", readFile(b, file))
		}
		made := b.dir + "/home/made"
		b.lichen("run", "--stats", made, "--", "true")
		if fi, err := os.Stat(made); err != nil || fi.Mode() != 0o600 {
			t.Errorf("%v %v", fi, err)
		}
		// No command, no figures; and none of the run before.
		o = b.lichen("run", "--stats", file, "--", "/nonexistent")
		if got := readFile(b, file); o.code != 127 || got != "" {
			t.Errorf("%+v %q", o, got)
		}
	})
}

// TestStatsAreApart protects what the figures are for: the payload cannot write
// them, and cannot have lichen write elsewhere.
func TestStatsAreApart(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.outside+"/precious", "precious")
		b.check(os.Symlink(b.outside+"/precious", b.ctl+"/link"))
		b.check(os.Symlink(b.work, b.dir+"/alias"))
		rw := []string{"run", "--rw", b.work}
		for _, c := range []struct {
			args []string
			part string
		}{
			{append(rw, "--stats", b.work+"/stats"), "the payload could write"},
			{append(rw, "--stats", "stats"), "the payload could write"},
			{append(rw, "--stats", b.dir+"/alias/stats"), "the payload could write"},
			{append(rw, "--stats", b.ctl+"/../work/stats"), "the payload could write"},
			{[]string{"run", "--rw", b.file(b.outside+"/one", ""), "--stats", b.outside + "/one"}, "the payload could write"},
			{[]string{"run", "--stats", b.ctl + "/link"}, "symbolic link"},
			{[]string{"run", "--stats", b.ctl + "/none/stats"}, "no such file"},
			{[]string{"run", "--stats", b.work}, "is a directory"},
			{[]string{"run", "--stats", "fd:1"}, "not above 2"},
			{[]string{"run", "--stats", "fd:9"}, "not open"},
			{[]string{"run", "--stats", "fd:x"}, "number"},
		} {
			b.fails(b.lichen(append(c.args, "--", "true")...), 125, c.part)
		}
		if got := readFile(b, b.outside+"/precious"); got != "precious" {
			t.Errorf("%q", got)
		}
		if o := b.lichen(append(rw, "--ro", b.ctl, "--stats", b.ctl+"/stats", "--", "true")...); o.code != 0 {
			t.Errorf("beside the grant: %+v", o)
		}
		r, w, err := os.Pipe()
		b.check(err)
		o := b.do(command{args: lichenArgs("run", "--stats", "fd:3", "--keep-fd", "3", "--", "true"), extra: []*os.File{w}})
		b.fails(o, 125, "descriptor 3", "stats")
		o = b.do(command{args: lichenArgs("run", "--stats", "fd:03", "--keep-fd", "3", "--", "true"), extra: []*os.File{w}})
		b.fails(o, 125, "descriptor 3", "stats")
		// Descriptor 3 is not the file's, though lichen opens it.
		o = b.lichen("run", "--stats", b.ctl+"/stats", "--keep-fd", "3", "--", "true")
		b.fails(o, 125, "descriptor 3", "not open")
		o = b.do(command{args: lichenArgs("run", "--stats", "fd:3", "--", "sh", "-c", "echo forged >&3; exit 6"), extra: []*os.File{w}})
		w.Close()
		var f figures
		if err := json.NewDecoder(r).Decode(&f); err != nil || o.code != 6 || f.Status == nil || *f.Status != 6 {
			t.Errorf("%+v %v %+v", o, err, f)
		}
		r.Close()
	})
}

// TestStatsReaderAsleep protects the payload's status from where the figures go.
func TestStatsReaderAsleep(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		b.check(err)
		defer full.Close()
		r, w, err := os.Pipe()
		b.check(err)
		defer w.Close()
		_, err = w.Write(make([]byte, 1<<16))
		b.check(err)
		for _, out := range []*os.File{full, w} {
			o := b.do(command{args: lichenArgs("run", "--stats", "fd:3", "--", "sh", "-c", "exit 6"), extra: []*os.File{out}})
			b.fails(o, 6, "write stats to fd:3")
		}
		r.Close()
		b.fails(b.do(command{args: lichenArgs("run", "--stats", "fd:3", "--", "sh", "-c", "exit 6"), extra: []*os.File{w}}), 6, "broken pipe")
	})
}
