package sandbox

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/spec"
)

// checkDescriptors looks at what the payload would inherit. An open directory
// is a door: openat(2) walks from it, whatever the payload's root is.
func checkDescriptors(s *spec.Spec, f *feature.Facts) error {
	for fd, stdio := range f.Stdio {
		if stdio.Kind == feature.StdioDir {
			return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd),
				Reason: "it is a directory, from which the payload could open what is in it", Hint: "redirect it: " + redirect[fd]}
		}
	}
	for _, keep := range s.Process.KeepFDs {
		e := &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(keep.FD), Origin: keep.Origin}
		mode, err := f.Descriptor(keep.FD)
		switch {
		case err != nil:
			e.Err = err
			e.Hint = "open it in the shell that starts lichen, for example " + strconv.Itoa(keep.FD) + "<FILE"
			return e
		case mode.IsDir():
			e.Reason = "it is a directory, from which the payload could open what is in it"
			e.Hint = "grant the directory instead, with --ro or --rw"
			return e
		}
	}
	return nil
}

var redirect = [3]string{"</dev/null", ">/dev/null", "2>/dev/null"}

// freeFD returns a number above every descriptor that is passed on.
func freeFD(s *spec.Spec) int {
	free := 0
	for _, keep := range s.Process.KeepFDs {
		free = max(free, keep.FD+1)
	}
	return free
}
