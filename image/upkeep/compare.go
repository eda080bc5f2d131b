package upkeep

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/tree"
)

// Difference is one way in which a tree is not what it should be.
type Difference struct {
	Path string // in the tree; "." is its root
	What string // "missing", "mode 0755, not 0644"
}

// compareTrees compares two trees entry by entry: type, mode, owner, size,
// content, link target, hard links, times of all but directories, and extended
// attributes. report is called for each difference of got from want. A
// directory that only one of them has is one difference.
func compareTrees(got, want string, report func(Difference)) error {
	c := &comparison{report: report, names: [2]map[inode]string{{}, {}}}
	var errGot, errWant error
	nextGot, stopGot := iter.Pull(walk(got, &errGot))
	defer stopGot()
	nextWant, stopWant := iter.Pull(walk(want, &errWant))
	defer stopWant()
	g, w := first(nextGot()), first(nextWant())
	for g != nil || w != nil {
		order := compareOrder(g, w)
		switch {
		case order < 0:
			c.firstName(0, g)
			c.one(g, "no part of the image")
		case order > 0:
			c.firstName(1, w)
			c.one(w, "missing")
		default:
			if err := c.both(g, w); err != nil {
				return err
			}
		}
		if order <= 0 {
			g = first(nextGot())
		}
		if order >= 0 {
			w = first(nextWant())
		}
	}
	return cmp.Or(errGot, errWant)
}

// walk gives the entries of a tree. Each is open for its own step only.
func walk(dir string, err *error) iter.Seq[*tree.Entry] {
	return func(yield func(*tree.Entry) bool) {
		root, openErr := os.Open(dir)
		if openErr != nil {
			*err = openErr
			return
		}
		defer root.Close()
		*err = tree.Walk(root, func(e *tree.Entry) error {
			if !yield(e) {
				return errStopped
			}
			return nil
		})
	}
}

var errStopped = errors.New("stopped")

func first(e *tree.Entry, ok bool) *tree.Entry {
	if !ok {
		return nil
	}
	return e
}

// compareOrder orders entries as a walk does: a directory, what is in it, then
// its next neighbour. nil is the end.
func compareOrder(a, b *tree.Entry) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	case a.Path == b.Path:
		return 0
	case a.Path == ".":
		return -1
	case b.Path == ".":
		return 1
	}
	return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"))
}

type inode struct{ dev, ino uint64 }

type comparison struct {
	report func(Difference)
	lone   string // a directory that only one of the trees has
	// names has the first path of each file with several names, in both trees.
	names [2]map[inode]string
}

// one reports an entry that only one of the trees has.
func (c *comparison) one(e *tree.Entry, what string) {
	if c.lone != "" && strings.HasPrefix(e.Path, c.lone+"/") {
		return
	}
	c.lone = e.Path
	c.report(Difference{e.Path, what})
}

func (c *comparison) both(got, want *tree.Entry) error {
	say := func(what string) { c.report(Difference{want.Path, what}) }
	gotType, wantType := got.Stat.Mode&syscall.S_IFMT, want.Stat.Mode&syscall.S_IFMT
	if gotType != wantType {
		say("type " + typeName(gotType) + ", not " + typeName(wantType))
		return nil
	}
	if a, b := got.Stat.Mode&0o7777, want.Stat.Mode&0o7777; a != b && wantType != syscall.S_IFLNK {
		say("mode " + octal(a) + ", not " + octal(b))
	}
	if got.Stat.Uid != want.Stat.Uid || got.Stat.Gid != want.Stat.Gid {
		say("owner " + owner(got) + ", not " + owner(want))
	}
	if wantType != syscall.S_IFDIR {
		if got.Stat.Mtim != want.Stat.Mtim {
			say("another time of change")
		}
		if a, b := c.firstName(0, got), c.firstName(1, want); a != b {
			say("a hard link of " + strconv.Quote(a) + ", not of " + strconv.Quote(b))
		}
	}
	switch wantType {
	case syscall.S_IFLNK:
		return c.links(got, want, say)
	case syscall.S_IFREG:
		if err := contents(got, want, say); err != nil {
			return err
		}
	}
	if wantType == syscall.S_IFREG || wantType == syscall.S_IFDIR {
		return attributes(got, want, say)
	}
	return nil
}

func (c *comparison) links(got, want *tree.Entry, say func(string)) error {
	a, err := got.Readlink()
	if err != nil {
		return err
	}
	b, err := want.Readlink()
	if err != nil {
		return err
	}
	if a != b {
		say("a link to " + strconv.Quote(a) + ", not to " + strconv.Quote(b))
	}
	return nil
}

// firstName returns the path under which an entry's file was met first.
func (c *comparison) firstName(which int, e *tree.Entry) string {
	id := inode{uint64(e.Stat.Dev), e.Stat.Ino}
	if name, ok := c.names[which][id]; ok {
		return name
	}
	if e.Stat.Nlink > 1 {
		c.names[which][id] = e.Path
	}
	return e.Path
}

func contents(got, want *tree.Entry, say func(string)) error {
	if a, b := got.Stat.Size, want.Stat.Size; a != b {
		say("size " + strconv.FormatInt(a, 10) + ", not " + strconv.FormatInt(b, 10))
		return nil
	}
	a, err := got.Open()
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := want.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	at, err := firstDifference(a, b)
	if err == nil && at >= 0 {
		say("other content, from byte " + strconv.FormatInt(at, 10) + " on")
	}
	return err
}

// firstDifference returns where two files of one length differ, or -1.
func firstDifference(a, b io.Reader) (int64, error) {
	bufA, bufB := make([]byte, 128<<10), make([]byte, 128<<10)
	for at := int64(0); ; {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			for i := range min(n, m) {
				if bufA[i] != bufB[i] {
					return at + int64(i), nil
				}
			}
			return at + int64(min(n, m)), nil
		}
		at += int64(n)
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return 0, err
			}
		}
		if errA != nil {
			return -1, nil
		}
	}
}

func typeName(mode uint32) string {
	switch mode {
	case syscall.S_IFDIR:
		return "directory"
	case syscall.S_IFREG:
		return "file"
	case syscall.S_IFLNK:
		return "symbolic link"
	case syscall.S_IFIFO:
		return "fifo"
	case syscall.S_IFSOCK:
		return "socket"
	}
	return "device"
}

func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }

func owner(e *tree.Entry) string {
	return strconv.FormatUint(uint64(e.Stat.Uid), 10) + ":" + strconv.FormatUint(uint64(e.Stat.Gid), 10)
}
