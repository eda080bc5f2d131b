package keep

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// openRoot opens a layer's directory, which is not a link itself, and the
// caller's: what somebody else puts there would run with the sandbox's grants.
func openRoot(dir string) (*os.Root, error) {
	named, err := os.Lstat(dir)
	if err != nil {
		return nil, fail(dir, err)
	}
	if named.Mode()&os.ModeSymlink != 0 {
		return nil, &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "it is a symbolic link", Hint: "name the directory that it leads to"}
	}
	if !named.IsDir() { // os.OpenRoot would wait for a pipe's other end
		return nil, fail(dir, syscall.ENOTDIR)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fail(dir, err)
	}
	reason := ""
	opened, err := root.Stat(".")
	if err != nil || !os.SameFile(named, opened) {
		reason = replaced
	} else if st, ok := opened.Sys().(*syscall.Stat_t); ok && uint64(st.Uid) != uint64(os.Geteuid()) {
		reason = "it belongs to uid " + strconv.FormatUint(uint64(st.Uid), 10) + ", not to uid " + strconv.Itoa(os.Geteuid()) + ", who runs this"
	} else if opened.Mode()&0o002 != 0 {
		reason = "everybody may write there"
	}
	if reason != "" {
		root.Close()
		return nil, &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: reason}
	}
	return root, nil
}

const replaced = "the directory is being replaced"

// checkNames refuses a directory with other things in it: lichen would write
// among them.
func checkNames(dir string, root *os.Root) error {
	list, err := names(root, ".")
	if err != nil {
		return fail(dir, err)
	}
	for _, name := range list {
		switch name {
		case "upper", "work", "base", "lock":
		default:
			return &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "the directory holds something else: " + strconv.Quote(name), Hint: "name a new or an empty directory"}
		}
	}
	return nil
}

func names(root *os.Root, dir string) ([]string, error) {
	d, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close() // it was only read
	return d.Readdirnames(-1)
}

// checkPart refuses what lichen has not made as it is: a link, or a file in a
// directory's place.
func checkPart(dir string, root *os.Root, name string, want os.FileMode) error {
	info, err := root.Lstat(name)
	if err != nil {
		return &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "its " + strconv.Quote(name) + " cannot be used", Err: unwrapped(err)}
	}
	if info.Mode().Type() != want {
		return &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "its " + strconv.Quote(name) + " is not what lichen has made there, but a " + kind(info.Mode()),
			Hint: "somebody has changed the directory: do not trust what is in it"}
	}
	return nil
}

func kind(mode os.FileMode) string {
	switch {
	case mode&os.ModeSymlink != 0:
		return "symbolic link"
	case mode.IsDir():
		return "directory"
	case mode.IsRegular():
		return "file"
	}
	return "special file"
}

func takeLock(dir string, root *os.Root) (*os.File, error) {
	if _, err := root.Lstat("lock"); !errors.Is(err, os.ErrNotExist) {
		if err := checkPart(dir, root, "lock", 0); err != nil {
			return nil, err
		}
	}
	f, err := root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fail(dir, err)
	}
	if err = checkPart(dir, root, "lock", 0); err == nil {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, nil
		}
		if err == syscall.EWOULDBLOCK {
			err = &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "another sandbox runs on it"}
		} else {
			err = fail(dir, err)
		}
	}
	f.Close()
	return nil, err
}

func open(dir string, root *os.Root) (*Layer, error) {
	for _, part := range [...]struct {
		name string
		mode os.FileMode
	}{{"base", 0}, {"upper", os.ModeDir}, {"work", os.ModeDir}} {
		if err := checkPart(dir, root, part.name, part.mode); err != nil {
			return nil, err
		}
	}
	f, err := root.OpenFile("base", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail(dir, err)
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxBase+1))
	if err != nil {
		return nil, fail(dir, err)
	}
	base, err := ParseBase(text)
	if err != nil {
		return nil, fail(dir, err)
	}
	return newLayer(dir, root, base)
}

func newLayer(dir string, root *os.Root, base Base) (*Layer, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fail(dir, err)
	}
	opened, err := root.Stat(".")
	if err != nil {
		return nil, fail(dir, err)
	}
	if named, err := os.Lstat(real); err != nil || !os.SameFile(named, opened) {
		return nil, &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: replaced}
	}
	lock, err := takeLock(dir, root)
	if err != nil {
		return nil, err
	}
	return &Layer{Dir: dir, Upper: real + "/upper", Work: real + "/work", Base: base, lock: lock}, nil
}

// create makes the directories first and the note last, by rename: a layer
// with a note is whole.
func create(dir string, root *os.Root, base Base, mode os.FileMode) (*Layer, error) {
	l, err := newLayer(dir, root, base)
	if err != nil {
		return nil, err
	}
	if _, missing := root.Lstat("base"); missing == nil { // somebody was faster, and has ended
		l.Close()
		return open(dir, root)
	}
	if err := fill(dir, root, base, mode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func fill(dir string, root *os.Root, base Base, mode os.FileMode) error {
	if left, err := names(root, "upper"); len(left) > 0 {
		return &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "it has files and no note of the image that they belong to", Hint: "name a new or an empty directory"}
	} else if _, there := root.Lstat("upper"); there == nil && err != nil {
		return cmp.Or(checkPart(dir, root, "upper", os.ModeDir), fail(dir, err))
	}
	for _, d := range [...]struct {
		name string
		mode os.FileMode
	}{{"upper", mode.Perm()}, {"work", 0o700}} {
		err := root.Mkdir(d.name, d.mode)
		if err == nil {
			err = root.Chmod(d.name, d.mode) // whatever the umask
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			return fail(dir, err)
		}
		if err := checkPart(dir, root, d.name, os.ModeDir); err != nil {
			return err
		}
	}
	const temporary = "work/base"
	_ = root.Remove(temporary) // of a start that was cut short; else O_EXCL tells
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail(dir, err)
	}
	if _, err = f.Write(base.encode()); err == nil {
		err = f.Sync() // before the name: after a power cut, an empty note would lock the layer up
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = root.Rename(temporary, "base")
	}
	if err != nil {
		return fail(dir, err)
	}
	return nil
}
