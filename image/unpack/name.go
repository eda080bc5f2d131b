package unpack

import (
	"strconv"
	"strings"
)

// whiteoutPrefix begins the names that remove others; see the OCI image
// specification, layer.md.
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // aufs's own files, of which only the marker means anything
)

// entryPath is a path of the tree: the directory and the name in it. The root
// is "", "".
type entryPath struct{ dir, base string }

func (p entryPath) String() string {
	switch {
	case p.base == "":
		return "."
	case p.dir == "":
		return p.base
	}
	return p.dir + "/" + p.base
}

// splitName takes a name of a layer apart. "./", "/" before and after it, and
// doubled slashes mean nothing. A name that is empty, has a ".." or a NUL, or is
// too long is an error, which the whole layer fails with: no tool that makes
// layers writes such a name. ".." is refused even where it stays inside, since
// after a symlink it leads elsewhere than its text says.
func (t *Tree) splitName(name string) (entryPath, error) {
	if name == "" {
		return entryPath{}, refuse(name, "a name is empty")
	}
	if len(name) > t.o.Limits.NameLength {
		return entryPath{}, refuse(name[:64]+"...", "a name is longer than "+strconv.Itoa(t.o.Limits.NameLength)+" bytes")
	}
	if strings.IndexByte(name, 0) >= 0 {
		return entryPath{}, refuse(name, "a name holds a NUL byte")
	}
	clean, depth := true, 0
	for c := range strings.SplitSeq(name, "/") {
		depth++
		switch {
		case c == "" || c == ".":
			clean = false
		case c == "..":
			return entryPath{}, refuse(name, `a name holds ".."`)
		case len(c) > maxComponent:
			return entryPath{}, refuse(name, "a component is longer than "+strconv.Itoa(maxComponent)+" bytes")
		}
	}
	if depth > t.o.Limits.Depth+2 { // "./" and "/" around it
		return entryPath{}, refuse(name, "more than "+strconv.Itoa(t.o.Limits.Depth)+" directories deep")
	}
	if !clean {
		name = cleanName(name)
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return entryPath{name[:i], name[i+1:]}, nil
	}
	return entryPath{"", name}, nil
}

// cleanName takes empty and "." components out of name.
func cleanName(name string) string {
	var b strings.Builder
	for c := range strings.SplitSeq(name, "/") {
		if c == "" || c == "." {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(c)
	}
	return b.String()
}

type special uint8

const (
	ordinary special = iota
	whiteout         // remove what base, without its prefix, names
	opaque           // remove what is in dir
	ignored          // aufs's own
)

// classify says whether an entry is one of the names that stand for something
// else. A prefix without a name, or before one that names no file, is an error:
// ".wh..." would remove the directory above.
func classify(p entryPath) (special, error) {
	if strings.Contains(p.dir, whiteoutPrefix) {
		for c := range strings.SplitSeq(p.dir, "/") {
			if strings.HasPrefix(c, aufsPrefix) {
				return ignored, nil
			}
			if strings.HasPrefix(c, whiteoutPrefix) {
				return 0, refuse(p.String(), "a whiteout is not a directory")
			}
		}
	}
	switch {
	case !strings.HasPrefix(p.base, whiteoutPrefix):
		return ordinary, nil
	case p.base == opaqueMarker:
		return opaque, nil
	}
	switch name := p.base[len(whiteoutPrefix):]; {
	case name == "", name == ".", name == "..":
		return 0, refuse(p.String(), "a whiteout of "+strconv.Quote(name))
	case strings.HasPrefix(name, whiteoutPrefix):
		return ignored, nil
	}
	return whiteout, nil
}
