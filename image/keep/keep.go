// Package keep holds the layers that sandboxes write over an image and that
// stay: a directory that the user names, with an overlay's upper and work
// directories and a note of the image below. An upper directory means nothing
// over another image, and two sandboxes cannot share one.
package keep

import (
	"errors"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/spec"
)

// Base is the image below a kept layer.
type Base struct {
	Reference string // canonical
	Manifest  string // digest
	ChainID   string
	IDs       string // as store.IDs
}

// Layer is a kept layer, held until Close.
type Layer struct {
	Dir         string
	Upper, Work string
	Base        Base
	lock        *os.File
}

const maxBase = 16 << 10

// Open opens the kept layer in dir for itself alone, and checks that it lies
// over base. Where dir is missing or empty, the layer is made, with mode for the
// root inside: an overlay shows the upper directory's.
func Open(dir string, base Base, mode os.FileMode) (*Layer, error) {
	if err := makeDirs(dir); err != nil {
		return nil, err
	}
	l, err := open(dir)
	if errors.Is(err, os.ErrNotExist) {
		l, err = create(dir, base, mode)
	}
	if err != nil {
		return nil, err
	}
	if l.Base.ChainID != base.ChainID || l.Base.IDs != base.IDs {
		l.Close()
		return nil, &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "it was written over another image (" + l.Base.Reference + ", " + short(l.Base.ChainID) + ", ids " + l.Base.IDs + ")",
			Hint: "use that image, name another directory, or make an image of it: lichen image commit " + dir + " NAME"}
	}
	return l, nil
}

// OpenExisting opens a kept layer that is there.
func OpenExisting(dir string) (*Layer, error) { return open(dir) }

// Close lets others use the layer.
func (l *Layer) Close() error { return l.lock.Close() }

func fail(dir string, err error) error {
	return &spec.Error{Op: "use", Object: "kept layer " + dir, Err: unwrapped(err)}
}

func unwrapped(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// makeDirs refuses a directory with other things in it: lichen would write
// among them.
func makeDirs(dir string) error {
	if err := os.Mkdir(dir, 0o700); err == nil {
		return nil
	} else if !errors.Is(err, os.ErrExist) {
		return fail(dir, err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return fail(dir, err)
	}
	for _, e := range list {
		switch e.Name() {
		case "upper", "work", "base", "lock":
		default:
			return &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "the directory holds something else: " + strconv.Quote(e.Name()), Hint: "name a new or an empty directory"}
		}
	}
	return nil
}

func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(path.Join(dir, "lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fail(dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if err == syscall.EWOULDBLOCK {
			return nil, &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "another sandbox runs on it"}
		}
		return nil, fail(dir, err)
	}
	return f, nil
}

func open(dir string) (*Layer, error) {
	f, err := os.OpenFile(path.Join(dir, "base"), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail(dir, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBase+1))
	if err != nil {
		return nil, fail(dir, err)
	}
	base, err := ParseBase(text)
	if err != nil {
		return nil, fail(dir, err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	return &Layer{Dir: dir, Upper: path.Join(dir, "upper"), Work: path.Join(dir, "work"), Base: base, lock: lock}, nil
}

// create makes the directories first and the note last, by rename: a layer
// with a note is whole.
func create(dir string, base Base, root os.FileMode) (*Layer, error) {
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	l := &Layer{Dir: dir, Upper: path.Join(dir, "upper"), Work: path.Join(dir, "work"), Base: base, lock: lock}
	for _, d := range [...]struct {
		path string
		mode os.FileMode
	}{{l.Upper, root.Perm()}, {l.Work, 0o700}} {
		err := os.Mkdir(d.path, d.mode)
		if err == nil {
			err = os.Chmod(d.path, d.mode) // whatever the umask
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			lock.Close()
			return nil, fail(dir, err)
		}
	}
	temporary := path.Join(l.Work, "base")
	err = os.WriteFile(temporary, base.encode(), 0o600)
	if err == nil {
		err = os.Rename(temporary, path.Join(dir, "base"))
	}
	if err != nil {
		lock.Close()
		return nil, fail(dir, err)
	}
	return l, nil
}

func (b *Base) fields() [4]struct {
	key string
	to  *string
} {
	return [...]struct {
		key string
		to  *string
	}{{"reference", &b.Reference}, {"manifest", &b.Manifest}, {"chain", &b.ChainID}, {"ids", &b.IDs}}
}

func (b Base) encode() []byte {
	var out []byte
	for _, f := range b.fields() {
		out = append(out, f.key+" "+strconv.Quote(*f.to)+"\n"...)
	}
	return out
}

// ParseBase reads a note: lines of a key and a quoted value, each key once.
func ParseBase(text []byte) (Base, error) {
	var b Base
	if len(text) > maxBase {
		return b, errors.New("its note of the image is too long")
	}
	seen := 0
	for line := range strings.Lines(string(text)) {
		key, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return b, errors.New("its note of the image is damaged: " + strconv.Quote(key))
		}
		known := false
		for i, f := range b.fields() {
			if f.key == key && seen&(1<<i) == 0 {
				*f.to, known = value, true
				seen |= 1 << i
			}
		}
		if !known {
			return b, errors.New("its note of the image is damaged: " + strconv.Quote(key))
		}
	}
	if seen != 1<<len(b.fields())-1 {
		return b, errors.New("its note of the image is not complete")
	}
	return b, ref.CheckDigest(b.ChainID)
}

func short(digest string) string {
	const head = len("sha256:") + 12
	return digest[:min(len(digest), head)]
}
