package spec

import "strconv"

// Origin is where a value was written.
type Origin struct {
	File string // a path, "built-in NAME", or "command line"
	Line int    // from 1; 0 where lines mean nothing
}

// CommandLine is the origin of what was given as an option.
var CommandLine = Origin{File: "command line"}

// IsZero reports whether the origin is unknown.
func (o Origin) IsZero() bool { return o.File == "" }

// String returns "FILE:LINE", "FILE", or "".
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return o.File + ":" + strconv.Itoa(o.Line)
}
