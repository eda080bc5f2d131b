package cgroup

import (
	"errors"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// Prefix is how the names of all directories begin that this package makes.
const Prefix = "lichen-"

// inner is the directory with the processes.
const inner = "payload"

// Group is the cgroup of one sandbox.
type Group struct {
	// FD is a descriptor of the directory that the sandbox is to start in.
	FD int
	// Dir has the limits.
	Dir    string
	place  *Place
	lock   int     // of Dir
	own    *lodger // the launcher's own cgroup beside it; nil: where it was
	limits *spec.Limits
}

// Make makes a cgroup in the place, with the limits in force.
func (p *Place) Make() (_ *Group, err error) {
	sweep(p.Dir)
	g := &Group{FD: -1, lock: -1, place: p, limits: p.limits}
	defer func() {
		if err != nil {
			g.Close()
		}
	}()
	if p.alone {
		if g.own, err = lodge(p.Dir); err != nil {
			return nil, p.failed("move lichen into a cgroup in "+p.Dir, err)
		}
	}
	if err := p.hand(); err != nil {
		return nil, err
	}
	if g.Dir, g.lock, err = makeDir(p.Dir); err != nil {
		return nil, p.failed("make a cgroup in "+p.Dir, err)
	}
	if err := g.set(); err != nil {
		return nil, err
	}
	payload := g.Dir + "/" + inner
	if err := os.Mkdir(payload, 0o755); err != nil {
		return nil, p.failed("make the cgroup "+payload, err)
	}
	if g.FD, err = open(payload); err != nil {
		return nil, p.failed("open the cgroup "+payload, err)
	}
	return g, nil
}

// failed is about the first limit: all of them need the directory.
func (p *Place) failed(what string, err error) error {
	f := finder{Host: p.host, limits: p.limits}
	return f.refuse("", "lichen cannot "+what+": "+unwrapPath(err).Error(), hintOf(err))
}

// hintOf is the remedy where the kernel's error has one cause alone.
func hintOf(err error) string {
	if errors.Is(err, syscall.EAGAIN) {
		return "cgroup.max.descendants or cgroup.max.depth above it is reached"
	}
	return ""
}

// hand gives the cgroups in the place the controllers that are needed.
func (p *Place) hand() error {
	file := p.Dir + "/cgroup.subtree_control"
	for _, c := range p.enable {
		err := write(file, "+"+c)
		if err == nil {
			continue
		}
		f := finder{Host: p.host, limits: p.limits}
		if errors.Is(err, syscall.EBUSY) {
			return f.refuse(c, "processes are in "+p.Dir+" itself, and a cgroup with processes gives no controller to cgroups in it", "")
		}
		return f.refuse(c, "+"+c+" cannot be written into "+file+": "+err.Error(), "")
	}
	return nil
}

// open returns a descriptor of a cgroup's directory.
func open(dir string) (int, error) {
	for {
		fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// write writes a value into a file of a cgroup, in one call as the kernel wants
// it, and never makes a file.
func write(file, value string) error {
	fd, err := syscall.Open(file, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for {
		_, err = syscall.Write(fd, []byte(value))
		if err != syscall.EINTR {
			break
		}
	}
	_ = syscall.Close(fd) // it has nothing left to write
	return err
}

// makeDir makes a directory and takes its lock. Who sweeps may be between the
// two: then there is no such directory any more, and another is made. So it is where
// somebody else has the lock. Who sees the directory can take that, to sweep or to
// hold lichen up, as a payload might; nobody is waited for.
func makeDir(parent string) (dir string, lock int, err error) {
	const tries = 1000
	for n := range tries {
		dir = parent + "/" + Prefix + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(n)
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, syscall.EEXIST) {
			continue // of a process in another pid namespace
		}
		if err != nil {
			return "", -1, err
		}
		lock, err := open(dir)
		if errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err == nil && hold(lock, dir) {
			return dir, lock, nil
		}
		_ = os.Remove(dir) // empty
		if err != nil {
			return "", -1, err
		}
		_ = syscall.Close(lock)
	}
	return "", -1, errors.New("others have the names, or the locks")
}

// hold takes the lock of a directory and looks whether it is still there.
func hold(lock int, dir string) bool {
	if syscall.Flock(lock, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	var held, named syscall.Stat_t
	return syscall.Fstat(lock, &held) == nil && syscall.Stat(dir, &named) == nil && held.Ino == named.Ino && held.Dev == named.Dev
}

// lodger is the cgroup that the launcher itself has moved into.
type lodger struct {
	dir, from string
	lock      int
}

func lodge(from string) (*lodger, error) {
	dir, lock, err := makeDir(from)
	if err != nil {
		return nil, err
	}
	l := &lodger{dir: dir, from: from, lock: lock}
	// 0 is the writer.
	if err := write(dir+"/cgroup.procs", "0"); err != nil {
		l.leave(nil)
		return nil, err
	}
	return l, nil
}

// leave goes back. That takes the controllers away again which were handed down,
// for there may not be processes as well. What fails here leaves an empty
// directory to the next sweep, or to the service manager.
func (l *lodger) leave(enabled []string) {
	for _, c := range enabled {
		_ = write(l.from+"/cgroup.subtree_control", "-"+c)
	}
	_ = write(l.from+"/cgroup.procs", "0")
	_ = remove(l.dir)
	_ = syscall.Close(l.lock)
}

// sweep takes away what launchers have left behind that were killed: what has
// our name and nobody's lock. A cgroup in use cannot be removed (EBUSY).
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !isOurs(e.Name()) || !e.IsDir() {
			continue
		}
		dir := path.Join(parent, e.Name())
		lock, err := open(dir)
		if err != nil {
			continue
		}
		if syscall.Flock(lock, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = syscall.Rmdir(dir + "/" + inner) // both fail where somebody is in it
			_ = syscall.Rmdir(dir)
		}
		_ = syscall.Close(lock)
	}
}

// isOurs reports whether a name is one that makeDir gives: an administrator's may
// begin as well with the name of the program that it is for.
func isOurs(name string) bool {
	rest, ok := strings.CutPrefix(name, Prefix)
	pid, n, _ := strings.Cut(rest, "-")
	return ok && isNumber(pid) && isNumber(n)
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// needsMemory reports whether the limits bound memory.
func needsMemory(l *spec.Limits) bool {
	return slices.ContainsFunc(l.Cgroup, func(l spec.CgroupLimit) bool { return l.File == "memory.max" })
}
