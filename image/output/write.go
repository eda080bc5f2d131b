package output

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// flush writes the directories above that are not written yet.
func (s *scan) flush() error {
	for _, e := range s.parents {
		if err := s.header(e); err != nil {
			return err
		}
	}
	s.parents = s.parents[:0]
	return nil
}

// write writes one entry that is no directory; f is the file of a regular one.
func (s *scan) write(e *entry, f *os.File) error {
	if err := s.flush(); err != nil {
		return err
	}
	if e.kind != typeFile || f == nil {
		return s.header(e)
	}
	n := &node{path: e.path, file: f}
	if err := unix.Fstat(int(f.Fd()), &n.stat); err != nil {
		return fail("read", e.path, "", err)
	}
	if n.stat.Nlink > 1 {
		id := inode{n.stat.Dev, n.stat.Ino}
		if first, ok := s.links[id]; ok {
			return s.header(&entry{path: e.path, kind: typeHardLink, mode: e.mode, uid: e.uid, gid: e.gid, sec: e.sec, nsec: e.nsec, link: first})
		}
		s.links[id] = e.path
	}
	if err := s.file(e, f); err != nil {
		return err
	}
	return n.unchanged(s.shared)
}

// file writes a regular file with its content.
func (s *scan) file(e *entry, f *os.File) error {
	if e.size > s.limits.Size {
		return fail("read", e.path, "it is larger than what is taken", nil)
	}
	left := s.limits.Bytes - s.bytes
	e.data = []extent{{0, e.size}}
	if e.size >= holeLeast {
		data, err := findData(f, e.size, left)
		if err != nil {
			return fail("read", e.path, "", err)
		}
		if holes(data, e.size) > 0 {
			e.data, e.sparse = data, true
		}
	}
	stored := e.stored()
	if stored > left {
		return fail("read", e.path, "", errTooMuch)
	}
	s.bytes += stored
	if err := s.header(e); err != nil {
		return err
	}
	for _, x := range e.data {
		err := s.tar.content(io.NewSectionReader(f, x.offset, x.length), x.length)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errChanged
		}
		if err != nil {
			return fail("read", e.path, "", err)
		}
	}
	return nil
}

// header writes the header of an entry.
func (s *scan) header(e *entry) error {
	s.sum.Entries++
	if s.sum.Entries > s.limits.Entries {
		return fail("read", e.path, "", errTooMuch)
	}
	if s.clamp != nil && e.sec >= *s.clamp {
		e.sec, e.nsec = *s.clamp, 0
	}
	s.sum.Newest = max(s.sum.Newest, e.sec)
	return s.tar.header(e)
}
