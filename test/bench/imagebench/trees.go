package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lichen-sandbox/lichen/test/images"
	"github.com/lichen-sandbox/lichen/test/images/owners"
	"github.com/lichen-sandbox/lichen/test/images/reference"
)

// compareAll has each tool unpack the odd image, and counts by kind what is not
// as it should be.
func (s *stage) compareAll(tools []tool, image string) error {
	fmt.Printf("\ntree of %s\n", image)
	for _, t := range tools {
		if t.tree == nil {
			continue
		}
		dir, err := s.fresh()
		if err != nil {
			return err
		}
		if t.prepare != nil {
			if err := t.prepare(s, dir); err != nil {
				return err
			}
		}
		verdict := ""
		if err := t.unpack(s, dir, image); err != nil {
			verdict = "does not unpack: " + err.Error()
		} else if out, err := t.tree(s, dir, image); err != nil {
			verdict = "not read: " + err.Error()
		} else {
			verdict = summary(out)
		}
		fmt.Printf("%-24s %s\n", t.name, verdict)
	}
	return nil
}

// summary counts the lines of compareTree by what they begin with, with the
// first of each kind.
func summary(lines string) string {
	counts, first := make(map[string]int), make(map[string]string)
	var kinds []string
	for line := range strings.Lines(lines) {
		kind, _, _ := strings.Cut(line, " of ")
		if counts[kind]++; counts[kind] == 1 {
			kinds = append(kinds, kind)
			first[kind] = strings.TrimSpace(line)
		}
	}
	if len(kinds) == 0 {
		return "right"
	}
	var b strings.Builder
	b.WriteString("wrong:")
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n    %4d × %s", counts[kind], first[kind])
	}
	return b.String()
}

// compareSingle compares a tree that all belongs to the user, with what the
// unpacker wrote down at ownersFile ("" if it does not), or in an attribute.
// Only root reads files of mode 000: the host's, or that of a namespace.
func (s *stage) compareSingle(dir, image, ownersFile, xattr string) (string, error) {
	if os.Getuid() != 0 {
		return s.exec(s.dir, "unshare", "-r", s.self, "-tree", dir, "-layout", s.layout(), "-images", image, "-single",
			"-owners", ownersFile, "-xattr", xattr)
	}
	lines, err := s.tree(s.uid, dir, image, ownersFile, xattr)
	return strings.Join(lines, "\n"), err
}

func (s *stage) tree(uid int, dir, image, ownersFile, xattr string) ([]string, error) {
	o := reference.Options{Single: true, Self: [2]uint32{uint32(uid), uint32(uid)}, OwnXattr: xattr}
	if ownersFile != "" {
		var err error
		if o.Owners, err = owners.Read(ownersFile); err != nil {
			return nil, err
		}
	}
	return compareTree(dir, s.layout(), image, o)
}

// compareTree lists how the tree at dir differs from what the image means.
func compareTree(dir, layout, image string, o reference.Options) ([]string, error) {
	layers, err := images.OpenLayers(layout, image)
	if err != nil {
		return nil, err
	}
	var readers []io.Reader
	for _, l := range layers {
		defer l.Close()
		readers = append(readers, l)
	}
	want, err := reference.Of(readers...)
	if err != nil {
		return nil, err
	}
	return reference.Diff(want, dir, o)
}
