package unpack

import (
	"archive/tar"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
)

// entry applies one entry of a layer.
func (t *Tree) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		// Other unpackers ignore these too, so that no image depends on them;
		// git archive writes one with its commit.
		for k := range h.PAXRecords {
			if k != "comment" {
				t.warnOnce("global", "PAX global headers are ignored")
			}
		}
		return nil
	}
	p, err := t.splitName(h.Name)
	if err != nil {
		return err
	}
	switch kind, err := classify(p); {
	case err != nil:
		return err
	case kind == ignored:
		return nil
	case kind == opaque:
		return t.opaque(p.dir)
	case kind == whiteout:
		return t.whiteout(entryPath{p.dir, p.base[len(whiteoutPrefix):]})
	}
	if h.Typeflag == tar.TypeLink {
		return t.hardLink(p, h.Linkname)
	}
	a, err := t.attributes(p.String(), h)
	if a == nil || err != nil {
		return err
	}
	return t.place(p, a, h, content)
}

// place puts a file where the entry says, in place of what is there.
func (t *Tree) place(p entryPath, a *attr, h *tar.Header, content io.Reader) error {
	if a.kind == KindDir {
		return t.directory(p, a)
	}
	if p.base == "" {
		return refuse(h.Name, "the root of the tree is a directory")
	}
	dir, err := t.dir(p.dir, true)
	if err != nil {
		return err
	}
	if err := t.replace(dir, p.base); err != nil {
		return err
	}
	switch a.kind {
	case KindFile:
		return t.regular(dir, p.base, a, h, content)
	case KindSymlink:
		return t.symlink(dir, p.base, a)
	case KindFifo:
		return t.fifo(dir, p.base, a)
	}
	return t.device(dir, p.base, a)
}

// replace removes what has the name, whatever it is: nothing is written into a
// file that exists.
func (t *Tree) replace(dir *node, base string) error {
	if old := dir.children[base]; old != nil {
		return t.remove(old)
	}
	return nil
}

// attributes reads what the header says of a file, and refuses what cannot be.
// The result is nil for an entry that stands for no file.
func (t *Tree) attributes(path string, h *tar.Header) (*attr, error) {
	a := &attr{mode: uint32(h.Mode) & 0o7777, mtime: clampTime(h.ModTime)}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		a.kind = KindFile
	case tar.TypeDir:
		a.kind = KindDir
	case tar.TypeSymlink:
		a.kind, a.target, a.mode = KindSymlink, h.Linkname, 0o777
		if h.Linkname == "" {
			return nil, refuse(path, "a symlink to nowhere")
		}
		if len(h.Linkname) > t.o.Limits.NameLength || strings.IndexByte(h.Linkname, 0) >= 0 {
			return nil, refuse(path, "the target of a symlink is too long or holds a NUL byte")
		}
	case tar.TypeFifo:
		a.kind = KindFifo
	case tar.TypeChar, tar.TypeBlock:
		a.kind = KindChar
		if h.Typeflag == tar.TypeBlock {
			a.kind = KindBlock
		}
		if !inUint32(h.Devmajor) || !inUint32(h.Devminor) {
			return nil, refuse(path, "device number "+strconv.FormatInt(h.Devmajor, 10)+":"+strconv.FormatInt(h.Devminor, 10)+" does not exist")
		}
		a.major, a.minor = uint32(h.Devmajor), uint32(h.Devminor)
	default:
		t.warn("left out " + strconv.Quote(path) + ": entries of type " + strconv.QuoteRune(rune(h.Typeflag)) + " are no files")
		return nil, nil
	}
	var err error
	if a.uid, err = id(path, "user", int64(h.Uid)); err == nil {
		a.gid, err = id(path, "group", int64(h.Gid))
	}
	if err == nil && t.o.Owners == OwnersChown {
		err = t.mapped(path, a)
	}
	if err == nil {
		err = t.readXattrs(path, h, a)
	}
	return a, err
}

func inUint32(n int64) bool { return n >= 0 && n <= 1<<32-1 }

// id checks a user or group id. The last of 32 bits means "leave it" to
// chown(2).
func id(path, which string, n int64) (uint32, error) {
	if n < 0 || n >= 1<<32-1 {
		return 0, refuse(path, which+" id "+strconv.FormatInt(n, 10)+" does not exist")
	}
	return uint32(n), nil
}

// mapped fails if an owner does not exist in the user namespace.
func (t *Tree) mapped(path string, a *attr) error {
	if !within(t.o.UIDs, a.uid) {
		return refuse(path, "user id "+strconv.FormatUint(uint64(a.uid), 10)+" is not mapped: there are "+rangesText(t.o.UIDs))
	}
	if !within(t.o.GIDs, a.gid) {
		return refuse(path, "group id "+strconv.FormatUint(uint64(a.gid), 10)+" is not mapped: there are "+rangesText(t.o.GIDs))
	}
	return nil
}

func within(ranges []Range, id uint32) bool {
	for _, r := range ranges {
		if id >= r.First && id-r.First < r.Count {
			return true
		}
	}
	return ranges == nil
}

// rangesText lists the first few ranges, as "0, 100-65635".
func rangesText(ranges []Range) string {
	if len(ranges) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, r := range ranges {
		if i == 8 {
			b.WriteString(", ...")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatUint(uint64(r.First), 10))
		if r.Count > 1 {
			b.WriteString("-" + strconv.FormatUint(uint64(r.First)+uint64(r.Count)-1, 10))
		}
	}
	return b.String()
}

// chown sets the owner on disk of what was just made, if owners are kept there.
func (t *Tree) chown(n *node) error {
	if t.o.Owners != OwnersChown {
		return nil
	}
	if n.parent == nil {
		return wrap(n.path(), pathsafe.FChown(t.root.FD(), n.uid, n.gid))
	}
	fd, err := t.dirs.fd(n.parent)
	if err != nil {
		return err
	}
	return wrap(n.path(), pathsafe.Chown(fd, n.name, n.uid, n.gid))
}

// The times that ext4 can hold, 1901 to 2446, so that a tree does not depend on
// the file system. Others are moved to the nearest.
const (
	minTime = -1 << 31
	maxTime = 1<<34 - 1<<31 - 1
)

func clampTime(m time.Time) unix.Timespec {
	switch sec := m.Unix(); {
	case sec < minTime:
		return unix.Timespec{Sec: minTime}
	case sec > maxTime:
		return unix.Timespec{Sec: maxTime}
	default:
		return unix.Timespec{Sec: sec, Nsec: int64(m.Nanosecond())}
	}
}
