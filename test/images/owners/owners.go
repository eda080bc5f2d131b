// Package owners reads what the unpacker wrote down of a tree into the form
// that the reference compares with.
package owners

import (
	"archive/tar"
	"os"

	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/test/images/reference"
)

// Read reads an owners file.
func Read(path string) (map[string]reference.Owner, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := make(map[string]reference.Owner)
	for e, err := range unpack.ReadOwners(f, unpack.DefaultLimits()) {
		if err != nil {
			return nil, err
		}
		o := reference.Owner{Mode: e.Mode, HasMode: true, UID: e.UID, GID: e.GID, Major: e.Major, Minor: e.Minor, Xattrs: make(map[string]string)}
		switch e.Kind {
		case unpack.KindChar:
			o.Type = tar.TypeChar
		case unpack.KindBlock:
			o.Type = tar.TypeBlock
		}
		for name, value := range e.Xattrs {
			o.Xattrs[name] = string(value)
		}
		all[e.Path] = o
	}
	return all, nil
}
