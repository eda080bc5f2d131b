package main

import (
	"os"
	"path"
	"strconv"

	"github.com/jessevdk/go-flags"

	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/state"
)

// runCommand is "lichen run".
func runCommand(u *ui, args []string) int {
	var o sandboxOptions
	command, err := parse("run", &o, flags.PassAfterNonOption, args)
	if err != nil {
		return u.fail(err)
	}
	if o.Help {
		return u.help("run")
	}
	if err := o.sealEarly(); err != nil {
		return u.fail(err)
	}
	s, err := openStatus(u, o.StatusFD)
	if err != nil {
		return u.fail(err)
	}
	used, err := openStats(u, o.Stats)
	if err != nil {
		return u.fail(err)
	}
	if o.Name != "" && !state.ValidName(o.Name) {
		return u.fail(usageError("run", "--name "+quote(o.Name)+": a name is 1 to 32 of a-z, 0-9, '-', '_' and '.', and begins with a letter, a digit or '_'"))
	}
	l := launcher{ui: u, status: s, stats: used, name: o.Name}
	loaded, p, err := o.compile(command, sealer{}, &image{ui: u, pull: true}, &l.service, used)
	if err != nil {
		l.service.close()
		return l.failed(err)
	}
	return l.finish(l.launch(loaded, p))
}

// newLoader returns the loader of the profiles that a user's names mean.
func newLoader() *profile.Loader {
	l := &profile.Loader{Dirs: profile.DefaultDirs(nil), Builtin: profiles.FS}
	l.Guarded, l.Running = guarded(l.Dirs)
	return l
}

// guarded lists what decides about the next run besides profiles: the store of
// images and the files that say where images come from (registries.toml, beside the
// first profiles); and apart from these the list of running sandboxes, which says
// how lichen exec confines a command. Store and list are also the usual ones where
// the environment names others: the next lichen may have another environment.
func guarded(profiles []string) (list, running []string) {
	if dir, err := store.DefaultDir(os.Getenv); err == nil {
		list = append(list, dir)
	}
	usual := func(name string) string {
		if name == "LICHEN_STORE" || name == "XDG_RUNTIME_DIR" {
			return ""
		}
		return os.Getenv(name)
	}
	if dir, err := store.DefaultDir(usual); err == nil && (len(list) == 0 || list[0] != dir) {
		list = append(list, dir)
	}
	for _, dir := range profiles[:min(len(profiles), 2)] {
		list = append(list, path.Join(path.Dir(dir), "registries.toml"))
	}
	own, often := state.Path(os.Getenv), state.Path(usual)
	if own != "" {
		running = append(running, own)
	}
	if often != "" && often != own {
		running = append(running, often)
	}
	return list, running
}

// The profiles that are used where the command line names none; the second with
// an image.
const (
	defaultProfile = "default"
	imageProfile   = "image"
)

// load reads the profile with the options on top of it.
func (o *sandboxOptions) load(command []string) (*spec.Spec, error) {
	over, err := o.overrides(command)
	if err != nil {
		return nil, err
	}
	name := o.Profile
	switch {
	case name == "" && o.Image != "":
		name = imageProfile
	case name == "":
		name = defaultProfile
	}
	loader := newLoader()
	loader.Apart = o.statsFile()
	p, err := loader.LoadWith(name, over)
	if err != nil {
		return nil, err
	}
	return p.Spec, o.checkKeptFDs(p.Spec)
}

// checkKeptFDs refuses a descriptor that is not open, before lichen opens one
// of its own that would have the number, and would be passed in its place; and
// the one for the status, where the payload could write lines of its own.
func (o *sandboxOptions) checkKeptFDs(s *spec.Spec) error {
	for _, fd := range s.Process.KeepFDs {
		reason := ""
		switch {
		case o.StatusFD != nil && fd.FD == *o.StatusFD:
			reason = "it carries the status, which the payload could then write itself"
		case o.statsGoTo(fd.FD):
			reason = "it carries the stats, which the payload could then write itself"
		case !sys.FDOpen(fd.FD):
			reason = "it is not open"
		default:
			continue
		}
		return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd.FD), Reason: reason, Origin: fd.Origin}
	}
	return nil
}

// attacher adds to a Spec what is known only at the start.
type attacher interface{ attach(s *spec.Spec) error }

// planner answers for what a plan does not make.
type planner interface{ planned(f *feature.Facts) }

// compile decides everything about the sandbox, and starts nothing.
func (o *sandboxOptions) compile(command []string, attached ...attacher) (*spec.Spec, *plan.Plan, error) {
	s, err := o.load(command)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range attached {
		if err := a.attach(s); err != nil {
			return nil, nil, err
		}
	}
	if err := o.checkKeptFDs(s); err != nil { // of LISTEN_FDS as well
		return nil, nil, err
	}
	f := feature.Gather(os.Environ())
	for _, a := range attached {
		if p, ok := a.(planner); ok {
			p.planned(f)
		}
	}
	p, err := sandbox.Compile(s, f)
	return s, p, err
}
