// Package unpack applies the layers of an image, uncompressed tar streams, to
// one merged directory tree.
//
// The bytes are hostile. A [Tree] keeps a model of what it has made: every
// name, its type, owner and mode, and where symlinks lead. A name of a layer is
// resolved in the model, symlinks inside the tree; the kernel then sees only
// the path that this gives, which it is told holds no symlink (openat2(2) with
// RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS), and one base name in that
// directory. So whatever a layer says, and even if the model were wrong,
// nothing outside the tree is touched.
//
// A file that exists is never written to, nor is its mode, time or any
// attribute changed: it is unlinked and made anew, because the tree may share
// its inodes with another tree. Directories belong to one tree.
//
// What a tree cannot hold without privilege, owners above all, is in the owners
// file that [Tree.Finish] writes; see [WriteOwners] for its format.
package unpack

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
	"github.com/lichen-sandbox/lichen/spec"
)

// Owners says what becomes of the owners that a layer gives its files.
type Owners uint8

const (
	// OwnersRecord leaves all files to the caller and keeps owners in the
	// owners file only. Capabilities are kept there too.
	OwnersRecord Owners = iota
	// OwnersChown also sets them, as root of a user namespace can.
	OwnersChown
)

// Range is Count ids from First on.
type Range struct{ First, Count uint32 }

// Options say how a tree is unpacked.
type Options struct {
	Owners Owners
	// UIDs and GIDs are the ids that exist in the user namespace, for
	// OwnersChown. nil: all of them do.
	UIDs, GIDs []Range
	// NoSetID leaves the setuid and setgid bits of files to the owners file: for
	// a tree that others can reach, where with a single id such a program would
	// be one of the caller's own.
	NoSetID bool
	// Limits holds what is too much; a zero field is replaced by that of
	// [DefaultLimits].
	Limits Limits
}

// Summary is what was unpacked.
type Summary struct {
	Entries int64 // of all layers applied
	Bytes   int64 // of all layers applied, headers and padding included
	// Warnings are one line each: what was left out or not kept, and why.
	Warnings []string
}

// Tree is a directory that layers are applied to. It is for one goroutine.
type Tree struct {
	file *os.File
	root *pathsafe.Root
	o    Options
	top  *node
	dirs dirCache

	layer    int32    // that is being applied; 0 is what was there before
	opaques  []string // directories, of markers that wait for the end of the layer
	entries  int64
	stream   limitedReader
	buffered *bufio.Reader
	buf      []byte
	sparse   int64 // logical bytes of sparse files
	memory   int64 // bytes kept until Finish
	warned   map[string]bool
	warnings []string
	muted    int

	failed error // what made the tree unusable
}

// bufferSize is of the buffer for what is read and of the one for contents: a
// multiple of the block size of file systems, for holes.
const bufferSize = 256 << 10

// New returns a Tree of the directory root, open for reading, and empty unless
// [Tree.Load] is called first. The file stays the caller's and must stay open
// until Finish.
// Errors of the directory are reported by the first method called.
func New(root *os.File, o Options) *Tree {
	o.Limits.setDefaults()
	t := &Tree{file: root, o: o, warned: map[string]bool{}}
	t.stream.left = o.Limits.Bytes
	t.top = &node{attr: implicitAttr()}
	t.dirs.t = t
	return t
}

// start opens the root. Rights and attributes that it has from the directory
// it was made in are taken off: a setgid bit and default ACLs would be handed
// down to everything.
func (t *Tree) start() error {
	if t.failed != nil || t.root != nil {
		return t.failed
	}
	root, err := pathsafe.FromFile(t.file)
	if err == nil {
		err = wrap("/", pathsafe.FChmod(int(t.file.Fd()), writableMode))
	}
	if err != nil {
		t.failed = err
		return err
	}
	t.root = root
	dropACL(t.file)
	t.top.disk = writableMode
	t.buffered = bufio.NewReaderSize(&t.stream, bufferSize)
	t.buf = make([]byte, bufferSize)
	return nil
}

// Apply applies a layer, an uncompressed tar stream, on top of what is there,
// and reads the stream to its end. After an error the tree is in no defined
// state, and every further call fails with the same error.
func (t *Tree) Apply(layer io.Reader) error {
	if err := t.start(); err != nil {
		return err
	}
	t.layer++
	t.stream.r, t.stream.err = layer, nil
	t.buffered.Reset(&t.stream)
	if err := t.apply(); err != nil {
		return t.fail(err)
	}
	return nil
}

func (t *Tree) apply() error {
	in := tar.NewReader(t.buffered)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // we look at paths ourselves
			return t.streamError("", err)
		}
		t.entries++
		if t.entries > t.o.Limits.Entries {
			return &spec.Error{Op: "unpack", Reason: "more than " + strconv.FormatInt(t.o.Limits.Entries, 10) + " entries"}
		}
		if err := t.entry(h, in); err != nil {
			return err
		}
	}
	if err := t.lateOpaques(); err != nil {
		return err
	}
	// Bytes may follow the end mark; the digest of the layer is over them too.
	if _, err := io.Copy(io.Discard, t.buffered); err != nil {
		return t.streamError("", err)
	}
	return nil
}

// streamError is a failure to read the layer, at the entry name if there is
// one. What the source of the bytes says comes before what tar makes of it.
func (t *Tree) streamError(name string, err error) error {
	e := &spec.Error{Op: "read layer", Err: err}
	if name != "" {
		e.Object = strconv.Quote(name)
	}
	switch {
	case t.stream.err != nil:
		e.Err = t.stream.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Reason = "the tar stream is cut short in or after entry " + strconv.FormatInt(t.entries, 10)
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
		e.Reason = "no valid tar header after entry " + strconv.FormatInt(t.entries, 10)
	}
	return e
}

func (t *Tree) fail(err error) error {
	t.failed = err
	t.dirs.closeAll()
	if t.root != nil {
		// A descriptor without data behind it: nothing can be lost.
		_ = t.root.Close()
		t.root = nil
	}
	return err
}

// wrap makes the error of a call on the file at path, relative to the root, one
// for users.
func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return &spec.Error{Op: "unpack", Object: strconv.Quote(path), Err: err}
}

// refuse is the error of an entry that breaks a rule.
func refuse(path, reason string) error {
	return &spec.Error{Op: "unpack", Object: strconv.Quote(path), Reason: reason}
}

// maxWarnings bounds what an image of a million devices would have to say.
const maxWarnings = 100

func (t *Tree) warn(text string) {
	if len(t.warnings) == maxWarnings {
		t.muted++
		return
	}
	t.warnings = append(t.warnings, text)
}

// warnOnce warns of the first file with a cause.
func (t *Tree) warnOnce(cause, text string) {
	if !t.warned[cause] && len(t.warned) < maxWarnings {
		t.warned[cause] = true
		t.warn(text)
	}
}

func (t *Tree) allWarnings() []string {
	w := slices.Clone(t.warnings)
	if t.muted > 0 {
		w = append(w, strconv.Itoa(t.muted)+" more warnings")
	}
	return w
}
