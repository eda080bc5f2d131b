package unpack

import (
	"io"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// Load reads the owners file of the tree that the directory is a clone of. The
// clone shares files by hard links, or has copies of them; its directories are
// its own. Their owners, modes and times are set by Finish, whatever they are
// now; a clone needs no more than directories that their owner can write to, or
// their final modes, and the attributes listed as applied. A device is not on
// disk.
//
// A tree that holds something and has no owners file cannot be unpacked onto:
// what is not known is in the way.
func (t *Tree) Load(sidecar io.Reader) error {
	if err := t.start(); err != nil {
		return err
	}
	if t.layer > 0 || t.top.children != nil {
		return t.fail(&spec.Error{Op: "read owners file", Reason: "the tree has entries already"})
	}
	l := loader{t: t, dir: t.top}
	for e, err := range ReadOwners(sidecar, t.o.Limits) {
		if err == nil {
			err = l.entry(e)
		}
		if err != nil {
			return t.fail(err)
		}
	}
	if !l.root {
		return t.fail(&spec.Error{Op: "read owners file", Reason: "no root"})
	}
	return nil
}

type loader struct {
	t    *Tree
	root bool
	dir  *node // of the last entry
	path string
}

func (l *loader) entry(e *Entry) error {
	a := &attr{kind: e.Kind, mode: e.Mode, uid: e.UID, gid: e.GID, mtime: unix.Timespec{Sec: e.Sec, Nsec: int64(e.Nsec)},
		target: e.Target, major: e.Major, minor: e.Minor, xattrs: e.Xattrs, applied: e.Applied}
	if !l.root {
		if e.Path != "." || e.Kind != KindDir {
			return badOwners(e, "the root, a directory, comes first")
		}
		l.root, l.t.top.attr = true, a
		return nil
	}
	if e.Path == "." {
		return badOwners(e, "the root twice")
	}
	base := e.Path
	if i := strings.LastIndexByte(e.Path, '/'); i >= 0 {
		base = e.Path[i+1:]
	}
	if !l.enter(strings.TrimSuffix(e.Path[:len(e.Path)-len(base)], "/")) {
		return badOwners(e, "no such directory above")
	}
	if l.dir.children[base] != nil {
		return badOwners(e, "a name twice")
	}
	n, err := l.t.add(l.dir, base, a)
	if err != nil {
		return err
	}
	for name, value := range e.Xattrs {
		if err := l.t.keep(len(name) + len(value)); err != nil {
			return err
		}
	}
	if e.Kind == KindDir {
		n.given, n.disk = true, modeUnknown
	}
	return nil
}

// enter makes dir the one at path, which comes in many entries in a row.
func (l *loader) enter(path string) bool {
	if path == l.path {
		return true
	}
	at := l.t.top
	for c := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		if at = at.children[c]; at == nil || at.kind != KindDir {
			return false
		}
	}
	l.dir, l.path = at, path
	return true
}

func badOwners(e *Entry, reason string) error {
	return &spec.Error{Op: "read owners file", Object: strconv.Quote(e.Path), Reason: reason}
}
