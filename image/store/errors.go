package store

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

var (
	// ErrNoStore says that nothing was ever stored.
	ErrNoStore = errors.New("there is no image store")

	// ErrInUse says that somebody holds what would be removed.
	ErrInUse = errors.New("in use")
)

// reason is an error with words of its own that counts as another.
type reason struct {
	text string
	is   error
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.is }

// missing is what is not in the store.
func missing(op, object, text string) error {
	return &spec.Error{Op: op, Object: object, Err: &reason{text, fs.ErrNotExist}}
}

func inUse(op, object, text string) *spec.Error {
	return &spec.Error{Op: op, Object: object, Err: &reason{text, ErrInUse}}
}

// Fail returns err as a *spec.Error with op and object, unless it is one
// already. If the disk is full, it says so, names the store's directory, and has
// the remedies as its hint. nil stays nil.
func (s *Store) Fail(op, object string, err error) error {
	var known *spec.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	}
	for _, full := range [...]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, full) {
			return &spec.Error{Op: op, Object: object, Reason: "the image store " + s.dir + " has no room left", Err: full,
				Hint: "`lichen image prune` removes what no image needs; LICHEN_STORE=DIR keeps images elsewhere"}
		}
	}
	return &spec.Error{Op: op, Object: object, Err: err}
}

// several is errors.Join on one line.
type several []error

func (s several) Error() string {
	text := make([]string, len(s))
	for i, err := range s {
		text[i] = err.Error()
	}
	return strings.Join(text, "; ")
}

func (s several) Unwrap() []error { return s }

func join(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return several(errs)
}
