package unpacker

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/lichen-sandbox/lichen/image/tree"
	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/spec"
)

// Descriptors of the worker. Layers' pipes follow from fdLayers.
const (
	fdControl = 3 + iota // the order; then held open by the parent, so that its end shows
	fdReport             // the report goes here
	fdStaging            // the directory that is written to
	fdBase               // the tree to start from, or /dev/null
	fdLayers
)

// Kinds of orders.
const (
	kindUnpack = "unpack"
	kindRemove = "remove"
)

// order is what the parent asks of the worker.
type order struct {
	Kind    string
	Name    string        `json:",omitempty"` // remove: the entry of the staging directory
	HasBase bool          `json:",omitempty"`
	First   int           `json:",omitempty"` // place of the first of Layers in the image
	Layers  []layerOrder  `json:",omitempty"`
	IDs     Mapping       // the worker checks owners against it
	Limits  unpack.Limits // of the whole tree
	NoSetID bool          `json:",omitempty"`
}

type layerOrder struct{ MediaType, DiffID string }

// report is what the worker answers. The parent takes it for hostile: by then
// the worker has read an image.
type report struct {
	Summary unpack.Summary
	Cloned  tree.Stats
	Err     *reportError
}

type reportError struct {
	Op, Object, Reason, Hint string
	Errno                    int // of the cause; 0 for none
}

// Bounds of what the parent takes from a report.
const (
	maxReport   = 1 << 20 // bytes
	maxText     = 2048    // bytes of one string
	maxWarnings = 1000
)

// encodeError flattens an error for the report.
func encodeError(err error) *reportError {
	if err == nil {
		return nil
	}
	out := &reportError{Op: "unpack", Reason: err.Error()}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		out.Errno = int(errno)
	}
	var e *spec.Error
	if errors.As(err, &e) {
		inner := &spec.Error{Reason: e.Reason, Err: e.Err, Origin: e.Origin}
		out.Op, out.Object, out.Reason, out.Hint = e.Op, e.Object, inner.Error(), e.Hint
	}
	return out
}

// encode is what the worker sends. Warnings are cut to what the parent takes.
func (r *report) encode() ([]byte, error) {
	if w := r.Summary.Warnings; len(w) > maxWarnings {
		more := strconv.Itoa(len(w)-maxWarnings+1) + " more warnings"
		r.Summary.Warnings = append(w[:maxWarnings-1:maxWarnings-1], more)
	}
	for i, w := range r.Summary.Warnings {
		r.Summary.Warnings[i] = clip(w, maxReport/maxWarnings/2)
	}
	return json.Marshal(r)
}

// readReport reads and checks a report. An error means that there was none to
// be understood; the error that the worker reports is in it.
func readReport(from io.Reader) (*report, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxReport {
		return nil, errors.New("its report is longer than " + strconv.Itoa(maxReport) + " bytes")
	}
	if len(data) == 0 {
		return nil, errNoReport
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r report
	if d.Decode(&r) != nil || d.More() {
		return nil, errors.New("its report is malformed: " + strconv.Quote(clip(string(data), 64)))
	}
	if s := r.Summary; s.Entries < 0 || s.Bytes < 0 || len(s.Warnings) > maxWarnings {
		return nil, errors.New("its report has impossible numbers")
	}
	for i, w := range r.Summary.Warnings {
		r.Summary.Warnings[i] = printable(w)
	}
	return &r, nil
}

var errNoReport = errors.New("it ended without a report")

// decode makes the worker's error one of ours.
func (e *reportError) decode() error {
	out := &spec.Error{Op: printable(e.Op), Object: printable(e.Object), Hint: printable(e.Hint)}
	cause := &workerError{text: printable(e.Reason)}
	if e.Errno > 0 && e.Errno < 4096 { // MAX_ERRNO in linux/err.h
		cause.errno = syscall.Errno(e.Errno)
	}
	out.Err = cause
	return out
}

// workerError is a cause told by the worker; errors.Is finds its errno.
type workerError struct {
	text  string
	errno syscall.Errno
}

func (e *workerError) Error() string { return e.text }

func (e *workerError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// printable returns a text that a terminal can be shown: shortened, and quoted
// when there is anything in it that is not printed.
func printable(s string) string {
	s = clip(s, maxText)
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	if !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	return s
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
