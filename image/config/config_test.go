package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/spec"
)

var (
	fromImage   = spec.Origin{File: "image debian"}
	fromUser    = spec.Origin{File: "/home/u/.config/lichen/profiles/x.toml", Line: 4}
	fromShipped = spec.Origin{File: "built-in image", Line: 12}
)

func id(n uint32) *uint32 { return &n }

func image() *record.Record {
	return &record.Record{
		Entrypoint: []string{"/entry", "-v"}, Cmd: []string{"serve"}, Env: []string{"PATH=/opt/bin:/bin", "A=1", "A=2", "broken", "=x"},
		WorkingDir: "/srv", User: "web", UID: id(33), GID: id(34), Home: "/var/www", StopSignal: "SIGQUIT",
	}
}

// TestApply protects who wins: a profile's own settings, then the image's, then
// the environment of a shipped profile.
func TestApply(t *testing.T) {
	set := func(name, value string, o spec.Origin) spec.EnvVar {
		return spec.EnvVar{Name: name, Value: value, Origin: o}
	}
	for _, c := range []struct {
		name   string
		spec   spec.Spec
		change func(*record.Record)
		want   string
	}{
		{name: "the image alone", want: "[/entry -v serve] /srv 33:34 HOME=/var/www PATH=/opt/bin:/bin A=2 stop 3"},
		{name: "a command is put behind the entry point", spec: spec.Spec{Process: spec.Process{Command: []string{"sh", "-c", "x"}}},
			want: "[/entry -v sh -c x] /srv 33:34 HOME=/var/www PATH=/opt/bin:/bin A=2 stop 3"},
		{name: "no entry point", spec: spec.Spec{Rootfs: spec.Rootfs{Entrypoint: []string{}}},
			want: "[serve] /srv 33:34 HOME=/var/www PATH=/opt/bin:/bin A=2 stop 3"},
		{name: "another entry point", spec: spec.Spec{Rootfs: spec.Rootfs{Entrypoint: []string{"/x"}}},
			want: "[/x serve] /srv 33:34 HOME=/var/www PATH=/opt/bin:/bin A=2 stop 3"},
		{name: "the profile's process", spec: spec.Spec{Process: spec.Process{Cwd: "/w", UID: id(0), GID: id(0)}},
			want: "[/entry -v serve] /w 0:0 HOME=/var/www PATH=/opt/bin:/bin A=2 stop 3"},
		{name: "the user's environment stays", spec: spec.Spec{Env: spec.Env{Set: []spec.EnvVar{set("PATH", "/mine", fromUser), set("A", "3", spec.CommandLine)}}},
			want: "[/entry -v serve] /srv 33:34 PATH=/mine A=3 HOME=/var/www stop 3"},
		{name: "a shipped profile's gives way, but for HOME", spec: spec.Spec{Env: spec.Env{Set: []spec.EnvVar{set("PATH", "/bin", fromShipped), set("HOME", "/home/u", fromShipped)}}},
			want: "[/entry -v serve] /srv 33:34 PATH=/opt/bin:/bin HOME=/home/u A=2 stop 3"},
		{name: "a relative working directory", change: func(r *record.Record) { r.WorkingDir = "app/../x" }, want: "[/entry -v serve] /x 33:34 HOME=/var/www PATH=/opt/bin:/bin A=2 stop 3"},
		{name: "a group that is not known", change: func(r *record.Record) { r.GID = nil }, want: "[/entry -v serve] /srv 33:0 HOME=/var/www PATH=/opt/bin:/bin A=2 stop 3"},
		{name: "little", change: func(r *record.Record) { *r = record.Record{UID: id(0), Cmd: []string{"sh"}, StopSignal: "RTMIN+3"} }, want: "[sh]  0:0 HOME=/ stop 37"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := image()
			if c.change != nil {
				c.change(rec)
			}
			s := c.spec
			s.Origins = map[string]spec.Origin{}
			if err := Apply(&s, rec, fromImage); err != nil {
				t.Fatal(err)
			}
			if got := text(&s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if c.spec.Process.Cwd == "" && rec.WorkingDir != "" {
				if o := s.OriginOf("process.cwd"); o != fromImage || len(s.Mounts) != 1 || !s.Mounts[0].Optional {
					t.Errorf("the working directory is from %v, mounts %+v", o, s.Mounts)
				}
			}
		})
	}
}

func text(s *spec.Spec) string {
	var env strings.Builder
	for _, v := range s.Env.Set {
		env.WriteString(v.Name + "=" + v.Value + " ")
	}
	return fmt.Sprintf("%v %s %d:%d %sstop %d", s.Process.Command, s.Process.Cwd, *s.Process.UID, *s.Process.GID, &env, s.Process.StopSignal)
}

func TestApplyErrors(t *testing.T) {
	for _, c := range []struct {
		change     func(*record.Record)
		want, hint string
	}{
		{func(r *record.Record) { r.UID, r.UserError = nil, "there is no such user in its /etc/passwd" }, `use user "web" of the image: there is no such user`, "--uid"},
		{func(r *record.Record) { r.StopSignal = "SIGFOO" }, `stop signal "SIGFOO": it is no signal`, ""},
		{func(r *record.Record) { r.StopSignal = "65" }, `stop signal "65"`, ""},
		{func(r *record.Record) { r.StopSignal = "RTMIN+31" }, "stop signal", ""},
	} {
		rec := image()
		c.change(rec)
		err := Apply(&spec.Spec{Origins: map[string]spec.Origin{}}, rec, fromImage)
		var e *spec.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || !strings.Contains(e.Hint, c.hint) || e.Origin != fromImage {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	s := spec.Spec{Origins: map[string]spec.Origin{}, Process: spec.Process{UID: id(7)}}
	rec := image()
	rec.UID = nil
	if err := Apply(&s, rec, fromImage); err != nil {
		t.Errorf("a user that the profile gives: %v", err)
	}
}

// TestRoot: one root, and the host's resolver files with the host's network.
func TestRoot(t *testing.T) {
	s := spec.Spec{Rootfs: spec.Rootfs{Write: spec.WriteTmpfs, Size: 5}, Network: spec.Network{Mode: spec.NetworkHost},
		Mounts: []spec.Mount{{Type: spec.MountBind, Source: "/mine", Target: "/etc/hosts"}}}
	if err := Root(&s, Source{Tree: "/t", Origin: fromImage}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range s.Mounts {
		got = append(got, m.Type.String()+" "+m.Source+">"+m.Target)
	}
	const want = "bind /mine>/etc/hosts, image /t>/, bind /etc/resolv.conf>/etc/resolv.conf"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("mounts %s\nwant   %s", s, want)
	}
	if m := s.Mounts[1]; !m.Write || m.Size != 5 {
		t.Errorf("%+v", m)
	}
	err := Root(&s, Source{Tree: "/t", Origin: fromImage})
	if err == nil || !strings.Contains(err.Error(), "the profile says what is at / itself") {
		t.Errorf("a second root: %v", err)
	}
}

// TestStopSignal: an image may name any signal that other engines know.
func TestStopSignal(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "SIGTERM": 15, "term": 15, "sigchld": 17, "CLD": 17, "SIGIO": 29, "POLL": 29, "9": 9, "64": 64,
		"SIGRTMIN": 34, "RTMIN+0": 34, "SIGRTMIN+30": 64, "SIGRTMAX": 64, "SIGRTMAX-0": 64, "rtmax-30": 34,
		"RTMAX-31": -1, "RTMIN+31": -1, "RTMAX+1": -1, "RTMIN-1": -1, "RTMAX-": -1, "RTMIN+-1": -1, "RTMIN++1": -1, "SIG": -1, "SIGSIGTERM": -1, "0": -1, "-1": -1, "65": -1,
	} {
		got, err := stopSignal(text, fromImage)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
}
