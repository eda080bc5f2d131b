// Package config merges what an image says of how to run it into the Spec that
// a profile made. The profile wins; only what lichen's shipped profiles set in
// the environment is a default that the image may change.
package config

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/spec"
)

// Source is where an image lies on the host.
type Source struct {
	Tree        string // its tree
	Upper, Work string // of a kept layer, or ""
	Origin      spec.Origin
}

// Root makes the image the root file system of s.
func Root(s *spec.Spec, src Source) error {
	for i := range s.Mounts {
		if m := &s.Mounts[i]; m.Target == "/" {
			return &spec.Error{Op: "use", Object: "image " + strconv.Quote(s.Rootfs.Image), Origin: m.Origin,
				Reason: "the profile says what is at / itself", Hint: `remove that entry: --remove "` + m.Type.String() + `:/"`}
		}
	}
	s.Mounts = append(s.Mounts, spec.Mount{
		Type: spec.MountImage, Source: src.Tree, Target: "/", Write: s.Rootfs.Write != spec.WriteNone, Size: s.Rootfs.Size,
		Upper: src.Upper, Work: src.Work, Origin: src.Origin,
	})
	if s.Network.Mode == spec.NetworkHost {
		nameResolution(s, src.Origin)
	}
	if s.Rootfs.IDs == spec.IDsFake {
		// apt changes to a user of its own and looks whether it did.
		s.Mounts = append(s.Mounts, spec.Mount{Type: spec.MountFile, Target: "/etc/apt/apt.conf.d/99lichen-ids", Optional: true,
			Content: []byte("APT::Sandbox::User \"root\";\n"), Origin: s.OriginOf("rootfs.ids")})
	}
	return nil
}

// nameResolution shows the host's resolver files: an image has none, or those
// of the machine that it was made on.
func nameResolution(s *spec.Spec, origin spec.Origin) {
	for _, file := range [...]string{"/etc/resolv.conf", "/etc/hosts"} {
		if slices.ContainsFunc(s.Mounts, func(m spec.Mount) bool { return m.Target == file }) {
			continue
		}
		s.Mounts = append(s.Mounts, spec.Mount{Type: spec.MountBind, Source: file, Target: file, Optional: true, NoExec: true, Origin: origin})
	}
}

// Apply merges the image's configuration.
func Apply(s *spec.Spec, rec *record.Record, origin spec.Origin) error {
	set := func(key string) { s.Origins[key] = origin }
	if err := applyUser(s, rec, origin); err != nil {
		return err
	}
	if s.Process.Cwd == "" && rec.WorkingDir != "" {
		s.Process.Cwd = path.Join("/", rec.WorkingDir)
		set("process.cwd")
		if !slices.ContainsFunc(s.Mounts, func(m spec.Mount) bool { return m.Target == s.Process.Cwd }) {
			s.Mounts = append(s.Mounts, spec.Mount{Type: spec.MountDir, Target: s.Process.Cwd, Optional: true, Origin: origin})
		}
	}
	if len(s.Process.Command) == 0 {
		s.Process.Command = rec.Cmd
		set("process.command")
	}
	entrypoint := rec.Entrypoint
	if s.Rootfs.Entrypoint != nil {
		entrypoint = s.Rootfs.Entrypoint
	}
	s.Process.Command = slices.Concat(entrypoint, s.Process.Command)
	applyEnv(s, rec, origin)
	stop, err := stopSignal(rec.StopSignal, origin)
	s.Process.StopSignal = stop
	return err
}

// applyUser gives the payload the ids of the image's user. With a single id it
// is the caller's own outside, whatever its number inside.
func applyUser(s *spec.Spec, rec *record.Record, origin spec.Origin) error {
	p := &s.Process
	if p.UID == nil && rec.UID == nil {
		return &spec.Error{Op: "use", Object: "user " + strconv.Quote(rec.User) + " of the image", Reason: rec.UserError, Origin: origin,
			Hint: "say which user the program is: --uid N, or uid in the profile's [process]"}
	}
	if p.UID == nil {
		p.UID = rec.UID
		s.Origins["process.uid"] = origin
	}
	if p.GID == nil {
		p.GID = rec.GID
		if p.GID == nil {
			p.GID = new(uint32)
		}
		s.Origins["process.gid"] = origin
	}
	return nil
}

func applyEnv(s *spec.Spec, rec *record.Record, origin spec.Origin) {
	home := rec.Home
	if home == "" {
		home = "/"
	}
	for _, pair := range append([]string{"HOME=" + home}, rec.Env...) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			continue // docker ignores such entries as well
		}
		v := spec.EnvVar{Name: name, Value: value, Origin: origin}
		i := slices.IndexFunc(s.Env.Set, func(e spec.EnvVar) bool { return e.Name == name })
		switch {
		case i < 0:
			s.Env.Set = append(s.Env.Set, v)
		case s.Env.Set[i].Origin == origin, shipped(s.Env.Set[i].Origin) && name != "HOME":
			s.Env.Set[i] = v
		}
	}
}

// shipped reports whether a value comes from a profile inside the program.
func shipped(o spec.Origin) bool { return strings.HasPrefix(o.File, "built-in ") }

// stopSignal reads "SIGQUIT", "QUIT" or a number; 0 stands for SIGTERM.
func stopSignal(text string, origin spec.Origin) (int, error) {
	if text == "" {
		return 0, nil
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	for _, s := range signals {
		if s.name == name {
			return int(s.number), nil
		}
	}
	const rtmin, last = 34, 64
	if offset, ok := strings.CutPrefix(name, "RTMIN+"); ok {
		if n, err := strconv.Atoi(offset); err == nil && n >= 0 && rtmin+n <= last {
			return rtmin + n, nil
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= last {
		return n, nil
	}
	return 0, &spec.Error{Op: "use", Object: "the image's stop signal " + strconv.Quote(text), Reason: "it is no signal", Origin: origin}
}

// signals are those that programs are stopped with.
var signals = [...]struct {
	name   string
	number syscall.Signal
}{
	{"HUP", syscall.SIGHUP}, {"INT", syscall.SIGINT}, {"QUIT", syscall.SIGQUIT}, {"ABRT", syscall.SIGABRT}, {"KILL", syscall.SIGKILL},
	{"USR1", syscall.SIGUSR1}, {"USR2", syscall.SIGUSR2}, {"PIPE", syscall.SIGPIPE}, {"ALRM", syscall.SIGALRM}, {"TERM", syscall.SIGTERM},
	{"CONT", syscall.SIGCONT}, {"STOP", syscall.SIGSTOP}, {"TSTP", syscall.SIGTSTP}, {"WINCH", syscall.SIGWINCH}, {"PWR", syscall.SIGPWR},
}
