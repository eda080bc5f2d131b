package profile

import (
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// Vars answers the variables of a profile. The names are a closed list, so
// that a misspelt one is an error on every machine; anything else of the
// caller's environment reaches the payload through env.keep.
//
// The environment is the caller's own, but it is text like any other: a value
// that cannot be a clean absolute path (or, for a name, one path component) is
// an error and never becomes part of a grant.
type Vars struct {
	Env func(name string) (string, bool) // nil means os.LookupEnv
	Dir string                           // the working directory, absolute; "" asks the kernel
}

type varKind uint8

const (
	varPath    varKind = iota // an absolute path of the environment
	varName                   // one path component of the environment
	varDerived                // made here
)

type varDef struct {
	name     string
	kind     varKind
	fallback string // below HOME, when the environment does not have it
}

// variables is the closed list; the fallbacks are those of the XDG Base
// Directory Specification, which has none for the runtime directory.
var variables = [...]varDef{
	{name: "HOME", kind: varPath},
	{name: "PWD", kind: varDerived},
	{name: "PROJECT", kind: varDerived},
	{name: "USER", kind: varName},
	{name: "UID", kind: varDerived},
	{name: "GID", kind: varDerived},
	{name: "XDG_CONFIG_HOME", kind: varPath, fallback: ".config"},
	{name: "XDG_CACHE_HOME", kind: varPath, fallback: ".cache"},
	{name: "XDG_DATA_HOME", kind: varPath, fallback: ".local/share"},
	{name: "XDG_STATE_HOME", kind: varPath, fallback: ".local/state"},
	{name: "XDG_RUNTIME_DIR", kind: varPath},
	{name: "WAYLAND_DISPLAY", kind: varName},
	{name: "XAUTHORITY", kind: varPath, fallback: ".Xauthority"},
}

func findVar(name string) (*varDef, error) {
	for i := range variables {
		if variables[i].name == name {
			return &variables[i], nil
		}
	}
	names := make([]string, len(variables))
	for i := range variables {
		names[i] = variables[i].name
	}
	hint := didYouMean(name, names)
	if hint == "" {
		hint = "the variables are " + strings.Join(names, ", ")
	}
	return nil, bad("unknown variable "+quote(name), hint)
}

// Lookup returns the value of ${name}.
func (v *Vars) Lookup(name string) (string, error) {
	def, err := findVar(name)
	if err != nil {
		return "", err
	}
	switch def.kind {
	case varPath:
		return v.pathVar(def)
	case varName:
		return v.nameVar(def)
	}
	switch name {
	case "PWD":
		return v.dir()
	case "UID":
		return strconv.Itoa(os.Getuid()), nil
	case "GID":
		return strconv.Itoa(os.Getgid()), nil
	}
	return v.project()
}

func (v *Vars) getenv(name string) string {
	if v.Env == nil {
		return os.Getenv(name)
	}
	s, _ := v.Env(name)
	return s
}

func unset(name string) error {
	return &problem{reason: "the variable " + name + " is not set", hint: "set " + name + " in the environment", absent: true}
}

func (v *Vars) pathVar(def *varDef) (string, error) {
	s := v.getenv(def.name)
	if s == "" && def.fallback != "" {
		home, err := v.Lookup("HOME")
		if err != nil {
			return "", err
		}
		return path.Join(home, def.fallback), nil
	}
	if s == "" {
		return "", unset(def.name)
	}
	s, err := cleanPath(s)
	if err != nil {
		return "", bad("the variable "+def.name+" is no use: "+err.Error(), "set "+def.name+" to an absolute path without \"..\"")
	}
	if s == "/" {
		// Some containers give a user without a home this one. A grant, or
		// a tmpfs, "of the home" would be one of everything.
		return "", bad("the variable "+def.name+` is "/"`, "set "+def.name+" to a directory of the user")
	}
	return s, nil
}

func (v *Vars) nameVar(def *varDef) (string, error) {
	s := v.getenv(def.name)
	if s == "" && def.name == "USER" {
		s = v.getenv("LOGNAME")
	}
	switch {
	case s == "":
		return "", unset(def.name)
	case s == "." || s == ".." || strings.ContainsAny(s, "/\x00"):
		return "", bad("the variable "+def.name+" is no use: "+quote(s)+" is not a plain name", "")
	}
	return s, nil
}

// dir is the working directory as the kernel names it: unlike $PWD it has no
// symbolic link in it, so leading ".." on the command line mean what they say.
func (v *Vars) dir() (string, error) {
	if v.Dir == "" {
		d, err := syscall.Getwd()
		if err != nil {
			return "", bad("no working directory: "+err.Error(), "change to a directory that exists")
		}
		// getcwd(2) answers "(unreachable)/…" for a directory outside of
		// the caller's root, which is not absolute.
		v.Dir = d
	}
	d, err := cleanPath(v.Dir)
	if err != nil {
		return "", bad("the working directory is no use: "+err.Error(), "change to another directory")
	}
	return d, nil
}

// project is the nearest directory, from the working directory up, that has a
// .git in it. Git itself is never run: it executes what a repository's
// configuration names. Nor is a .git of another user believed, for the same
// reason git does not: anyone may put one into /tmp.
func (v *Vars) project() (string, error) {
	dir, err := v.dir()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = path.Dir(d) {
		var st syscall.Stat_t
		if syscall.Lstat(path.Join(d, ".git"), &st) == nil {
			if int(st.Uid) != os.Getuid() {
				return "", bad(path.Join(d, ".git")+" belongs to another user", "")
			}
			return d, nil
		}
		if d == "/" {
			return "", &problem{reason: "the variable PROJECT has no value: no .git in " + dir + " or above",
				hint: "change to a git work tree, or use ${PWD}", absent: true}
		}
	}
}
