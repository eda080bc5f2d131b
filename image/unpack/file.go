package unpack

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
	"github.com/lichen-sandbox/lichen/spec"
)

// regular makes a regular file.
func (t *Tree) regular(dir *node, base string, a *attr, h *tar.Header, content io.Reader) error {
	sparse := isSparse(h)
	switch {
	case sparse && h.Size > t.o.Limits.SparseBytes-t.sparse:
		return refuse(dir.below(base), "sparse files of more than "+strconv.FormatInt(t.o.Limits.SparseBytes, 10)+" bytes")
	case sparse:
		t.sparse += h.Size
	case h.Size > t.stream.left+int64(t.buffered.Buffered()):
		return refuse(dir.below(base), "more than "+strconv.FormatInt(t.o.Limits.Bytes, 10)+" bytes in the layers")
	}
	n, err := t.add(dir, base, a)
	if err != nil {
		return err
	}
	dirfd, err := t.dirs.writable(dir)
	if err != nil {
		return err
	}
	fd, err := pathsafe.Create(dirfd, base)
	if err != nil {
		return changed(n.path(), err)
	}
	if sparse {
		err = t.writeSparse(fd, n, h.Size, content)
	} else {
		err = t.write(fd, n, content)
	}
	if err == nil {
		err = t.finishFile(fd, n)
	}
	if closeErr := unix.Close(fd); err == nil { // a network file system may fail only here
		err = wrap(n.path(), closeErr)
	}
	return err
}

// finishFile sets owner, attributes, mode and time, in the order in which none
// undoes another: chown(2) and write(2) clear setuid bits and capabilities.
func (t *Tree) finishFile(fd int, n *node) error {
	if t.o.Owners == OwnersChown {
		if err := pathsafe.FChown(fd, n.uid, n.gid); err != nil {
			return wrap(n.path(), err)
		}
	}
	if err := t.setXattrs(fd, n); err != nil {
		return err
	}
	mode := n.mode
	if t.o.NoSetID && mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		mode &^= unix.S_ISUID | unix.S_ISGID
		t.warnOnce("set-id", "setuid and setgid bits, such as those of "+strconv.Quote(n.path())+", are kept in the owners file only")
	}
	if err := pathsafe.FChmod(fd, mode); err != nil {
		return wrap(n.path(), err)
	}
	return wrap(n.path(), pathsafe.FSetTimes(fd, n.mtime))
}

func (t *Tree) write(fd int, n *node, content io.Reader) error {
	for {
		got, err := content.Read(t.buf)
		if writeErr := writeAll(fd, t.buf[:got], -1); writeErr != nil {
			return wrap(n.path(), writeErr)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.streamError(n.path(), err)
		}
	}
}

// writeAll writes b, at an offset unless that is negative.
func writeAll(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		var n int
		var err error
		if at < 0 {
			n, err = unix.Write(fd, b)
		} else {
			n, err = unix.Pwrite(fd, b, at)
			at += int64(max(n, 0))
		}
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// isSparse says whether an entry is a sparse file in any of GNU tar's formats.
// package tar reads them all, but does not show where the holes are.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// hole is the unit of holes, the block size of most file systems. Blocks of a
// sparse file that are all zero become holes: those of the layer's map, and
// data of zeros, which reads the same.
const hole = 4096

var zeros [bufferSize]byte

func (t *Tree) writeSparse(fd int, n *node, size int64, content io.Reader) error {
	var at int64
	for {
		got, err := io.ReadFull(content, t.buf)
		if writeErr := writeBlocks(fd, t.buf[:got], at); writeErr != nil {
			return wrap(n.path(), writeErr)
		}
		at += int64(got)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && at == size {
			break
		}
		if err != nil {
			return t.streamError(n.path(), err)
		}
	}
	if at != size {
		return &spec.Error{Op: "unpack", Object: strconv.Quote(n.path()), Reason: "a sparse file shorter than its size", Err: io.ErrUnexpectedEOF}
	}
	// The last hole has nothing written after it.
	return wrap(n.path(), unix.Ftruncate(fd, size))
}

// writeBlocks writes the blocks of b that are not all zero.
func writeBlocks(fd int, b []byte, at int64) error {
	if bytes.Equal(b, zeros[:len(b)]) {
		return nil
	}
	for len(b) > 0 {
		skip := run(b, true)
		b, at = b[skip:], at+int64(skip)
		data := run(b, false)
		if err := writeAll(fd, b[:data], at); err != nil {
			return err
		}
		b, at = b[data:], at+int64(data)
	}
	return nil
}

// run returns how many bytes b begins with that are blocks of zeros, or blocks
// of something else.
func run(b []byte, zero bool) int {
	n := 0
	for n < len(b) {
		block := b[n:min(n+hole, len(b))]
		if bytes.Equal(block, zeros[:len(block)]) != zero {
			break
		}
		n += len(block)
	}
	return n
}
