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
	if n, ok := realtime(name); ok {
		return n, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= rtmax {
		return n, nil
	}
	return 0, &spec.Error{Op: "use", Object: "the image's stop signal " + strconv.Quote(text), Reason: "it is no signal", Origin: origin}
}

// rtmin is the C library's, which keeps two of the kernel's for itself
// (signal(7)).
const rtmin, rtmax = 34, 64

// realtime reads "RTMIN", "RTMIN+3", "RTMAX" or "RTMAX-3".
func realtime(name string) (int, bool) {
	for _, from := range [...]struct {
		name, sign string
		number, by int
	}{{"RTMIN", "+", rtmin, 1}, {"RTMAX", "-", rtmax, -1}} {
		offset, ok := strings.CutPrefix(name, from.name)
		if !ok || offset == "" {
			if ok {
				return from.number, true
			}
			continue
		}
		digits, ok := strings.CutPrefix(offset, from.sign)
		n, err := strconv.ParseUint(digits, 10, 8)
		if ok && err == nil && n <= rtmax-rtmin {
			return from.number + from.by*int(n), true
		}
	}
	return 0, false
}

// signals are those of Linux with a name; signal(7) has the second names.
var signals = [...]struct {
	name   string
	number syscall.Signal
}{
	{"HUP", syscall.SIGHUP}, {"INT", syscall.SIGINT}, {"QUIT", syscall.SIGQUIT}, {"ILL", syscall.SIGILL}, {"TRAP", syscall.SIGTRAP},
	{"ABRT", syscall.SIGABRT}, {"IOT", syscall.SIGABRT}, {"BUS", syscall.SIGBUS}, {"FPE", syscall.SIGFPE}, {"KILL", syscall.SIGKILL},
	{"USR1", syscall.SIGUSR1}, {"SEGV", syscall.SIGSEGV}, {"USR2", syscall.SIGUSR2}, {"PIPE", syscall.SIGPIPE}, {"ALRM", syscall.SIGALRM},
	{"TERM", syscall.SIGTERM}, {"CHLD", syscall.SIGCHLD}, {"CLD", syscall.SIGCHLD}, {"CONT", syscall.SIGCONT},
	{"STOP", syscall.SIGSTOP}, {"TSTP", syscall.SIGTSTP}, {"TTIN", syscall.SIGTTIN}, {"TTOU", syscall.SIGTTOU}, {"URG", syscall.SIGURG},
	{"XCPU", syscall.SIGXCPU}, {"XFSZ", syscall.SIGXFSZ}, {"VTALRM", syscall.SIGVTALRM}, {"PROF", syscall.SIGPROF}, {"WINCH", syscall.SIGWINCH},
	{"IO", syscall.SIGIO}, {"POLL", syscall.SIGIO}, {"PWR", syscall.SIGPWR}, {"SYS", syscall.SIGSYS},
}
