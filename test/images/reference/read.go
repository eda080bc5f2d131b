package reference

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Read reads the tree at dir as it is on disk. Whoever reads needs the right
// to: root, or who has the owners mapped. No symbolic link is followed, and no
// fifo or device opened.
func Read(dir string) (*Tree, error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	r := reader{known: make(map[[2]uint64]*Node)}
	node, err := r.read(root)
	return &Tree{root: node}, err
}

type reader struct {
	known map[[2]uint64]*Node // by device and inode: names of one file
}

func (r *reader) read(path string) (*Node, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	id := [2]uint64{st.Dev, st.Ino}
	if n := r.known[id]; n != nil {
		return n, nil
	}
	n := &Node{Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, ModTime: time.Unix(st.Mtim.Unix())}
	r.known[id] = n
	var err error
	if n.Xattrs, err = listXattrs(path); err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		n.Type = tar.TypeDir
		err = r.readDir(n, path)
	case unix.S_IFREG:
		n.Type, n.Size = tar.TypeReg, st.Size
		n.Holes = st.Size > 0 && st.Blocks*512 < st.Size && hasHole(path, st.Size)
		n.Hash, err = hashFile(path)
	case unix.S_IFLNK:
		n.Type = tar.TypeSymlink
		n.Target, err = os.Readlink(path)
	case unix.S_IFIFO:
		n.Type = tar.TypeFifo
	case unix.S_IFCHR:
		n.Type, n.Major, n.Minor = tar.TypeChar, unix.Major(st.Rdev), unix.Minor(st.Rdev)
	case unix.S_IFBLK:
		n.Type, n.Major, n.Minor = tar.TypeBlock, unix.Major(st.Rdev), unix.Minor(st.Rdev)
	default:
		n.Type = '?'
	}
	return n, err
}

func (r *reader) readDir(n *Node, path string) error {
	n.children = make(map[string]*Node)
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return err
	}
	for _, name := range names {
		if n.children[name], err = r.read(path + "/" + name); err != nil {
			return err
		}
	}
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

func hasHole(path string, size int64) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	at, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_HOLE)
	return err == nil && at < size
}

func listXattrs(path string) (map[string]string, error) {
	all := make(map[string]string)
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, list)
	if err == unix.ENOTSUP {
		return all, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "llistxattr", Path: path, Err: err}
	}
	value := make([]byte, 64<<10)
	for _, name := range strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		size, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, &os.PathError{Op: "lgetxattr " + name, Path: path, Err: err}
		}
		all[name] = string(value[:size])
	}
	return all, nil
}
