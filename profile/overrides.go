package profile

import (
	"path"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Overrides are the options of the command line: the last layer, merged on top
// of the profile like a file. Empty fields change nothing.
//
// Variables mean nothing here, the shell has its own. Relative paths are meant
// from the working directory.
type Overrides struct {
	Remove []string // as remove in a profile

	ReadOnly, ReadWrite, Hide, NoExec, Tmpfs []string // short forms

	Env      []string // NAME keeps the caller's value, NAME=VALUE sets one
	Limits   []string // NAME=VALUE
	KeepFDs  []int
	AllowSys []string // as seccomp.allow
	DenySys  []string // as seccomp.deny

	Image, Platform, Pull, IDs  string
	Write, Size                 string
	Entrypoint                  *string // "" takes the image's away
	UID, GID                    *uint32
	Net, Isolation              string
	Cwd, Hostname, Umask        string
	Timeout, KillAfter          string
	NewSession, Linger, Nesting bool
	PTY, ExitBySignal           bool
	Command                     []string
}

// builder collects the entries of a layer until the first error.
type builder struct {
	loader *Loader
	out    layer
	err    error
}

func (o *Overrides) layer(l *Loader) (*layer, error) {
	b := builder{loader: l, out: layer{file: spec.CommandLine.File}}
	for _, s := range o.Remove {
		b.out.remove = append(b.out.remove, entry{key: keyRemove, text: s})
	}
	b.grants(keyRO, o.ReadOnly)
	b.grants(keyRW, o.ReadWrite)
	b.grants(keyHide, o.Hide)
	b.grants(keyNoExec, o.NoExec)
	b.grants(keyTmpfs, o.Tmpfs)
	b.env(o.Env)
	b.limits(o.Limits)
	for _, fd := range o.KeepFDs {
		e := entry{key: keyKeepFDs}
		b.put(e, element(&e, int64(fd)))
	}
	b.rootfs(o)
	b.texts(keySeccompAllow, o.AllowSys)
	b.texts(keySeccompDeny, o.DenySys)
	b.text(keyNetMode, o.Net)
	b.text(keyIsolation, o.Isolation)
	b.text(keyHostname, escapeTemplate(o.Hostname))
	b.text(keyUmask, o.Umask)
	b.text(keyTimeout, o.Timeout)
	b.text(keyKillAfter, o.KillAfter)
	b.cwd(o.Cwd)
	b.id(keyUID, o.UID)
	b.id(keyGID, o.GID)
	b.flag(keyNewSession, o.NewSession)
	b.flag(keyLinger, o.Linger)
	b.flag(keyPty, o.PTY)
	b.flag(keyExitBySignal, o.ExitBySignal)
	b.flag(keyNested, o.Nesting)
	if len(o.Command) > 0 {
		b.command(o.Command)
	}
	return &b.out, b.err
}

// put adds an entry, or remembers what is wrong with it.
func (b *builder) put(e entry, err error) {
	if err != nil && b.err == nil {
		b.err = place(err, "read", keys[e.key].name, spec.CommandLine)
	}
	b.out.entries = append(b.out.entries, e)
}

func (b *builder) grants(id keyID, list []string) {
	for _, s := range list {
		e := entry{key: id, text: s}
		var err error
		e.mount, err = b.grant(id, s)
		b.put(e, err)
	}
}

func (b *builder) grant(id keyID, s string) (*spec.Mount, error) {
	f, err := parseShort(s)
	if err != nil {
		return nil, err
	}
	if f.path, err = b.path(f.path); err != nil {
		return nil, err
	}
	if f.hasRest && (id == keyRO || id == keyRW) {
		if f.rest, err = b.path(f.rest); err != nil {
			return nil, err
		}
	}
	return grantMount(id, s, f)
}

// path makes a path of the command line into an absolute template.
func (b *builder) path(p string) (string, error) {
	if p == "" {
		return "", bad("the path is empty", "")
	}
	abs, err := b.loader.absolute(p)
	return escapeTemplate(abs), err
}

// absolute puts the working directory before a relative path. Leading ".." are
// right to resolve by text, because the working directory has no symbolic link
// in its name; ".." after a name is not, and is refused.
func (l *Loader) absolute(p string) (string, error) {
	if path.IsAbs(p) {
		return cleanPath(p)
	}
	dir, err := l.Vars.dir()
	if err != nil {
		return "", err
	}
	for p == ".." || strings.HasPrefix(p, "../") || strings.HasPrefix(p, "./") {
		if p[1] == '.' {
			dir = path.Dir(dir)
		}
		_, p, _ = strings.Cut(p, "/")
	}
	return cleanPath(dir + "/" + p)
}

func (b *builder) env(list []string) {
	for _, s := range list {
		name, value, isSet := strings.Cut(s, "=")
		if !isSet {
			b.put(entry{key: keyEnvKeep, text: s}, checkPattern(s))
			continue
		}
		err := checkEnvName(name)
		if err == nil && strings.IndexByte(value, 0) >= 0 {
			err = badValue(value, "has a NUL byte in it", "")
		}
		b.put(entry{key: keyEnvSet, name: name, text: escapeTemplate(value)}, err)
	}
}

func (b *builder) limits(list []string) {
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		id, known := findKey("limits", name)
		switch {
		case !ok:
			b.limitError(badValue(s, "has no value", "write NAME=VALUE, like nofile=4096"))
		case !known:
			hint := keySuggestion("limits", name)
			if hint == "" {
				hint = "all are under [limits] in lichen-profile(5)"
			}
			b.limitError(bad("there is no limit "+quote(name), hint))
		case keys[id].kind.isList():
			b.texts(id, []string{value})
		default:
			b.text(id, value)
		}
	}
}

// limitError remembers a --limit that is no key of the profile's.
func (b *builder) limitError(err error) {
	if b.err == nil {
		b.err = place(err, "read", "--limit", spec.CommandLine)
	}
}

// text adds a scalar; "" leaves the profile's.
func (b *builder) text(id keyID, s string) {
	if s == "" {
		return
	}
	e := entry{key: id}
	err := scalar(&e, s)
	b.put(e, err)
}

func (b *builder) texts(id keyID, list []string) {
	for _, s := range list {
		e := entry{key: id}
		err := element(&e, s)
		b.put(e, err)
	}
}

func (b *builder) cwd(s string) {
	if s == "" {
		return
	}
	p, err := b.path(s)
	b.put(entry{key: keyCwd, text: p}, err)
}

func (b *builder) id(id keyID, n *uint32) {
	if n == nil {
		return
	}
	e := entry{key: id}
	err := scalar(&e, int64(*n))
	b.put(e, err)
}

func (b *builder) flag(id keyID, on bool) {
	if on {
		b.put(entry{key: id, num: 1, text: strconv.FormatBool(on)}, nil)
	}
}

func (b *builder) command(argv []string) {
	e := entry{key: keyCommand}
	var err error
	for _, arg := range argv {
		if _, nul := stringValue(arg); nul != nil {
			err = nul
		}
		e.list = append(e.list, escapeTemplate(arg))
	}
	if argv[0] == "" {
		err = bad("the command is empty", "")
	}
	b.put(e, err)
}
