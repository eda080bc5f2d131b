package unpack

import (
	"io"
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// Limits are what a tree may cost, over all its layers.
type Limits struct {
	// Entries of tar.
	Entries int64
	// Bytes of the layers, uncompressed.
	Bytes int64
	// NameLength is the longest path, resolved or not, and link target, in
	// bytes.
	NameLength int
	// Depth is how many components a path has, resolved or not.
	Depth int
	// SparseBytes is the size of all sparse files together, holes included:
	// what a few bytes of a layer can make of themselves.
	SparseBytes int64
	// XattrBytes is the size of the extended attributes of one entry.
	XattrBytes int
	// PAXBytes is the size of the PAX records of one entry. package
	// archive/tar refuses more than 1 MiB in any case.
	PAXBytes int
	// Memory is the size of the names, link targets and attributes of all
	// entries: what is kept until Finish.
	Memory int64
}

// DefaultLimits are far above what images of many gigabytes hold.
func DefaultLimits() Limits {
	return Limits{
		Entries:     2 << 20,
		Bytes:       256 << 30,
		NameLength:  4095, // PATH_MAX, its NUL aside: what a call can name
		Depth:       512,
		SparseBytes: 64 << 30,
		XattrBytes:  256 << 10, // the kernel takes 64 KiB in one value
		PAXBytes:    1 << 20,
		Memory:      512 << 20,
	}
}

func (l *Limits) setDefaults() {
	d := DefaultLimits()
	or(&l.Entries, d.Entries)
	or(&l.Bytes, d.Bytes)
	or(&l.NameLength, d.NameLength)
	or(&l.Depth, d.Depth)
	or(&l.SparseBytes, d.SparseBytes)
	or(&l.XattrBytes, d.XattrBytes)
	or(&l.PAXBytes, d.PAXBytes)
	or(&l.Memory, d.Memory)
}

func or[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// maxComponent is NAME_MAX.
const maxComponent = 255

// nodeSize is what an entry costs in memory beside its strings, roughly.
const nodeSize = 192

// keep accounts for n bytes that stay in memory.
func (t *Tree) keep(n int) error {
	t.memory += int64(n)
	if t.memory > t.o.Limits.Memory {
		return &spec.Error{Op: "unpack", Reason: "names and attributes of more than " + strconv.FormatInt(t.o.Limits.Memory, 10) + " bytes"}
	}
	return nil
}

// limitedReader counts what is read and fails, rather than ends, at a limit. It
// remembers the error of its source.
type limitedReader struct {
	r    io.Reader
	left int64
	read int64
	err  error
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.read += int64(n)
	if l.left -= int64(n); l.left < 0 {
		err = &spec.Error{Reason: "more than " + strconv.FormatInt(l.read+l.left, 10) + " bytes in the layers"}
	}
	if err != nil && err != io.EOF {
		l.err = err
	}
	return n, err
}
