// Package output makes layers and images from trees: a flat tar of an image's
// tree, a new image from a kept writable layer, an image from a directory.
//
// What it reads is hostile: a payload wrote the kept layer. So trees are
// walked by descriptors in a process of its own (Worker), which has the tree
// and nothing else, and no link of a tree is ever followed. The same input
// gives the same bytes: entries are sorted, no clock and no host name is read,
// and holes come from the content, not from how a file system stores it.
package output

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// Tar types (pax(1), "ustar Interchange Format").
const (
	typeFile     = '0'
	typeHardLink = '1'
	typeSymlink  = '2'
	typeChar     = '3'
	typeBlock    = '4'
	typeDir      = '5'
	typeFifo     = '6'
)

// The names by which a layer removes what lower layers have (OCI image layer
// specification, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
)

// fail is an error about a path of a tree, which is quoted: whoever made the
// tree chose it.
func fail(op, path, reason string, err error) error {
	if path == "" {
		path = "."
	}
	return &spec.Error{Op: op, Object: strconv.Quote(path), Reason: reason, Err: err}
}
