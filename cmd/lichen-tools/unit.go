package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/unit"
)

// unitFamily is "lichen unit VERB".
func unitFamily() *family {
	return &family{
		name: "unit", summary: "Make units of systemd from profiles, and profiles from units.", verbs: unitVerbs,
		tail: "Exit status: 0, 1 when import --strict has left something out, or 125 when\nsomething failed.\n\n" +
			"Example: lichen unit generate ./web.toml --socket 8080 --write ~/.config/systemd/user\n",
	}
}

func unitVerbs() []verb {
	return []verb{
		newVerb("generate", "PROFILE [-- COMMAND [ARGUMENT]...]", "print a user unit that runs a profile as a service", 1, -1, generateUnit),
		newVerb("import", "UNIT", "print a profile of the hardening of a unit", 1, 1, importUnit),
	}
}

type generateOptions struct {
	Name      string   `long:"name" value-name:"NAME" unquote:"false" description:"name of the unit (default: that of the profile)"`
	Option    []string `long:"option" value-name:"OPTION" unquote:"false" description:"an option for lichen run, as one word: --option=--net=host"`
	Directory string   `long:"directory" value-name:"DIR" unquote:"false" complete:"file" description:"working directory of lichen, where the profile uses ${PWD} (default: the home)"`
	Restart   string   `long:"restart" value-name:"WHEN" unquote:"false" complete:"no always on-success on-failure on-abnormal on-abort on-watchdog" description:"when systemd starts it again (default: on-failure)"`
	Reload    bool     `long:"reload" description:"systemctl reload sends SIGHUP to the program"`
	Watchdog  string   `long:"watchdog" value-name:"TIME" unquote:"false" description:"the program has to report this often (needs service.notify)"`
	FDStore   int      `long:"fd-store" value-name:"N" unquote:"false" description:"descriptors that the program may have systemd keep (needs service.notify)"`
	Socket    []string `long:"socket" value-name:"ADDRESS" unquote:"false" description:"also a socket unit: PORT, HOST:PORT, /PATH or @NAME (needs service.listen)"`
	Write     string   `long:"write" value-name:"DIR" unquote:"false" complete:"file" description:"write the files there instead of printing them"`
	Force     bool     `long:"force" description:"replace files that are there"`
	Lichen    string   `long:"lichen" value-name:"FILE" unquote:"false" complete:"file" description:"the lichen that the unit starts (default: this one)"`
	helpOption
}

// generateUnit is "lichen unit generate".
func generateUnit(_ context.Context, u *ui, o *generateOptions, operands []string) int {
	s, err := o.service(operands)
	if err != nil {
		return u.fail(err)
	}
	service, socket, err := unit.Generate(*s)
	if err != nil {
		return u.fail(err)
	}
	files := []unitFile{{s.Name + ".service", service}}
	if socket != "" {
		files = append(files, unitFile{s.Name + ".socket", socket})
	}
	if o.Write == "" {
		text := ""
		for _, f := range files {
			if len(files) > 1 {
				text += "# ---- " + f.name + " ----\n"
			}
			text += f.text
		}
		return u.print(text)
	}
	if err := writeUnits(o.Write, files, o.Force); err != nil {
		return u.fail(err)
	}
	for _, f := range files {
		u.note("wrote " + printable(filepath.Join(o.Write, f.name)) + "\n")
	}
	return exitOK
}

// service reads the profile, and takes from it what the unit has to say.
func (o *generateOptions) service(operands []string) (*unit.Service, error) {
	name, command := operands[0], operands[1:]
	l := &profile.Loader{Dirs: profile.DefaultDirs(nil), Builtin: profiles.FS}
	p, err := l.Load(name)
	if err != nil {
		return nil, err
	}
	if len(command) == 0 && len(p.Spec.Process.Command) == 0 && p.Spec.Rootfs.Image == "" {
		return nil, usageError("unit generate", "the profile has no command, and none is given after --")
	}
	s := &unit.Service{
		Name: o.Name, Profile: name, Options: o.Option, Command: command, Directory: o.Directory, Restart: o.Restart, Reload: o.Reload,
		FDStore: o.FDStore, Sockets: o.Socket,
		Notify: p.Spec.Service.Notify, Listen: p.Spec.Service.Listen, Directories: p.Spec.Service.Directories,
		Cgroup: len(p.Spec.Limits.Cgroup) > 0, KillAfter: p.Spec.Process.KillAfter,
	}
	if o.Watchdog != "" {
		if s.Watchdog, err = time.ParseDuration(o.Watchdog); err != nil || s.Watchdog < time.Millisecond {
			return nil, usageError("unit generate", quote(o.Watchdog)+` is no time; write it like "30s"`)
		}
	}
	for _, option := range o.Option {
		if !strings.HasPrefix(option, "-") || option == "-" || option == "--" {
			return nil, usageError("unit generate", quote(option)+" is no option of lichen run; an option and its value are one word, with = between them")
		}
		// Which limit it is does not matter: delegation costs nothing.
		s.Cgroup = s.Cgroup || strings.HasPrefix(option, "--limit")
	}
	if strings.Contains(name, "/") {
		if s.Profile, err = filepath.Abs(name); err != nil {
			return nil, &spec.Error{Op: "find", Object: name, Err: unwrapPath(err)}
		}
	}
	if s.Directory != "" {
		if s.Directory, err = filepath.Abs(s.Directory); err != nil {
			return nil, &spec.Error{Op: "find", Object: o.Directory, Err: unwrapPath(err)}
		}
	}
	if s.Name == "" {
		s.Name = strings.TrimSuffix(filepath.Base(name), ".toml")
	}
	s.Name = strings.TrimSuffix(s.Name, ".service")
	if s.Description = p.Description; s.Description == "" {
		s.Description = s.Name + " in a sandbox"
	}
	s.Lichen, err = o.launcher()
	return s, err
}

// launcher is the program that the unit starts: lichen says as argv[0] where it
// is itself.
func (o *generateOptions) launcher() (string, error) {
	path := o.Lichen
	if path == "" {
		path = os.Args[0]
	}
	if o.Lichen == "" && (!filepath.IsAbs(path) || filepath.Base(path) == "lichen-tools") {
		return "", &spec.Error{Op: "find", Object: "lichen", Reason: "lichen-tools was not started by it", Hint: "say with --lichen where it is"}
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return "", &spec.Error{Op: "find", Object: path, Err: unwrapPath(err), Hint: "say with --lichen where it is"}
	}
	return path, nil
}
