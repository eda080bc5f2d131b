package upkeep

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/tree"
)

// attributes compares the extended attributes of files and directories.
func attributes(got, want *tree.Entry, say func(string)) error {
	a, err := xattrs(got)
	if err != nil {
		return err
	}
	b, err := xattrs(want)
	if err != nil {
		return err
	}
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		left, inGot := a[name]
		right, inWant := b[name]
		switch {
		case !inWant:
			say("an extended attribute too many: " + strconv.Quote(name))
		case !inGot:
			say("no extended attribute " + strconv.Quote(name))
		case !bytes.Equal(left, right):
			say("another value of the extended attribute " + strconv.Quote(name))
		}
	}
	return nil
}

// xattrs reads the extended attributes of a file or directory. The path goes
// through the open parent; its last component is no link, as the caller knows.
// Labels of security modules are the host's own. A file system without
// attributes has none.
func xattrs(e *tree.Entry) (map[string][]byte, error) {
	path := "/proc/self/fd/" + strconv.Itoa(e.Parent) + "/" + e.Name
	list := make([]byte, 64<<10) // XATTR_LIST_MAX of xattr(7)
	n, err := syscall.Listxattr(path, list)
	if errors.Is(err, syscall.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	for name := range strings.SplitSeq(strings.TrimRight(string(list[:n]), "\x00"), "\x00") {
		if name == "" || name == "security.selinux" || strings.HasPrefix(name, "system.") {
			continue
		}
		size, err := syscall.Getxattr(path, name, value)
		if err != nil {
			return nil, err
		}
		all[name] = bytes.Clone(value[:size])
	}
	return all, nil
}
