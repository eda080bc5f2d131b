package policy

import (
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Bounds on what one policy may make lichen read. The largest that are known to
// ship are below 100 KiB, and include two files. Records are longer: a trace
// has a line for every call.
const (
	maxFile         = 1 << 20
	maxRecords      = 64 << 20
	maxFiles        = 64
	maxIncludeDepth = 10
)

// budget counts what has been read.
type budget struct {
	files, bytes int
}

// source is one file's text.
type source struct {
	name string // in the reader's files
	file string // as messages call it
	text string
}

func (s *source) at(line, column int) Position { return Position{s.file, line, column} }

// display returns how messages call a file.
func (r *reader) display(name string) string {
	if r.opts.Dir == "" {
		return name
	}
	return path.Join(r.opts.Dir, name)
}

// open reads a whole file.
func (r *reader) open(name string) (*source, error) {
	src := &source{name: name, file: r.display(name)}
	limit := maxFile
	if r.opts.Dialect == Strace || r.opts.Dialect == Audit || r.opts.Dialect == Auto && r.budget.files == 0 {
		limit = maxRecords
	}
	if r.budget.files++; r.budget.files > maxFiles {
		return nil, &Error{Position: src.at(0, 0), Reason: "more than " + strconv.Itoa(maxFiles) + " files in one policy"}
	}
	text, err := readRegular(r.files, name, limit)
	if err != nil {
		return nil, &Error{Position: src.at(0, 0), Reason: err.Error()}
	}
	if r.budget.bytes += len(text); r.budget.bytes > maxRecords {
		return nil, &Error{Position: src.at(0, 0), Reason: "more than " + strconv.Itoa(maxRecords>>20) + " MiB in one policy"}
	}
	src.text = string(text)
	return src, nil
}

// errKind is what makes a file unreadable, in words.
type errKind string

func (e errKind) Error() string { return string(e) }

// readRegular reads a regular file of at most limit bytes.
func readRegular(files fs.FS, name string, limit int) ([]byte, error) {
	// Opening a FIFO may wait for its writer, so that it is asked for first.
	if s, ok := files.(fs.StatFS); ok {
		if info, err := s.Stat(name); err == nil && !info.Mode().IsRegular() {
			return nil, errKind("not a regular file")
		}
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errKind("not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(text) > limit {
		return nil, errKind("longer than " + strconv.Itoa(limit>>20) + " MiB")
	}
	return text, nil
}

// Directory is the files below a directory, for Read. No name in it leads out of
// the directory, not over symbolic links either, and to open a FIFO or a device
// does not wait.
type Directory struct{ root *os.Root }

// OpenDirectory opens a directory of policies.
func OpenDirectory(dir string) (*Directory, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Directory{root}, nil
}

// Close closes the directory.
func (d *Directory) Close() error { return d.root.Close() }

// Open opens a file for reading.
func (d *Directory) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// include finds the file that src includes as written.
func (r *reader) include(src *source, at Position, written string, depth int) (string, error) {
	fail := func(reason, hint string) (string, error) {
		return "", &Error{Position: at, Reason: reason, Hint: hint}
	}
	if !r.opts.Include {
		return fail("found an include of "+quote(written)+", and this policy may not include files", "")
	}
	if depth >= maxIncludeDepth {
		return fail("includes nest deeper than "+strconv.Itoa(maxIncludeDepth), "")
	}
	name := path.Join(path.Dir(src.name), written)
	if path.IsAbs(written) {
		below, ok := strings.CutPrefix(path.Clean(written), strings.TrimSuffix(path.Clean(r.opts.Dir), "/")+"/")
		if !ok || !path.IsAbs(r.opts.Dir) {
			return fail("the included "+quote(written)+" does not lie in the policy's directory", "")
		}
		name = below
	}
	if !fs.ValidPath(name) || name == "." {
		return fail("the included "+quote(written)+" does not lie in the policy's directory", "")
	}
	return name, nil
}

// checkText finds bytes that no policy has.
func (s *source) checkText() error {
	line := 0
	for text := range strings.Lines(s.text) {
		line++
		for i := 0; i < len(text); {
			c, n := utf8.DecodeRuneInString(text[i:])
			if c == utf8.RuneError && n == 1 {
				return &Error{Position: s.at(line, i+1), Reason: "found a byte that is not UTF-8"}
			}
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
				return &Error{Position: s.at(line, i+1), Reason: "found the control character " + strconv.QuoteRune(c)}
			}
			i += n
		}
	}
	return nil
}
