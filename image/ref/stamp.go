package ref

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// Stamp returns the identity of the file behind a local reference: its size,
// the time of its last change in ns and its inode. It changes whenever the
// file is written or replaced. A registry has none: "".
func (r Ref) Stamp() (string, error) {
	path := r.Path
	switch r.Kind {
	case Registry:
		return "", nil
	case Layout:
		path += "/index.json"
	}
	info, err := os.Stat(path)
	if err != nil {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			err = e.Err
		}
		return "", &spec.Error{Op: "open image", Object: strconv.Quote(path), Err: err}
	}
	s := strconv.FormatInt(info.Size(), 10) + "-" + strconv.FormatInt(info.ModTime().UnixNano(), 10)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s += "-" + strconv.FormatUint(st.Ino, 10)
	}
	return s, nil
}
