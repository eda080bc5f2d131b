package profile

import (
	"github.com/lichen-sandbox/lichen/spec"
)

// entry is one value of one file: a scalar, or an element of a list. Forms and
// names are checked; variables are still variables.
type entry struct {
	key   keyID
	empty bool // stands for a list written as []: nothing is allowed
	layer int32
	line  int32
	name  string // kindVars: the variable; kindCgroup: what its file takes
	text  string // the value as written, without TOML's quotes

	num  uint64 // bool, id, mode, duration, index of a word, port, fd, soft limit
	hard uint64 // hard limit

	action spec.Action
	list   []string           // kindCommand
	mount  *spec.Mount        // kindGrants, kindMounts; paths are templates
	rule   *spec.LandlockRule // kindRules; Path is a template
}

// layer is one decoded file, or the command line.
type layer struct {
	file        string // as Origin.File
	description string
	extends     []entry
	remove      []entry
	entries     []entry
}

// at returns where an entry of the layer was written.
func (l *layer) at(e *entry) spec.Origin { return spec.Origin{File: l.file, Line: int(e.line)} }
