package keep

import (
	"errors"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/ref"
)

const maxBase = 16 << 10

func (b *Base) fields() [4]struct {
	key string
	to  *string
} {
	return [...]struct {
		key string
		to  *string
	}{{"reference", &b.Reference}, {"manifest", &b.Manifest}, {"chain", &b.ChainID}, {"ids", &b.IDs}}
}

func (b Base) encode() []byte {
	var out []byte
	for _, f := range b.fields() {
		out = append(out, f.key+" "+strconv.Quote(*f.to)+"\n"...)
	}
	return out
}

// ParseBase reads a note: lines of a key and a quoted value, each key once.
func ParseBase(text []byte) (Base, error) {
	var b Base
	if len(text) > maxBase {
		return b, errors.New("its note of the image is too long")
	}
	seen := 0
	for line := range strings.Lines(string(text)) {
		key, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return b, errors.New("its note of the image is damaged: " + strconv.Quote(key))
		}
		known := false
		for i, f := range b.fields() {
			if f.key == key && seen&(1<<i) == 0 {
				*f.to, known = value, true
				seen |= 1 << i
			}
		}
		if !known {
			return b, errors.New("its note of the image is damaged: " + strconv.Quote(key))
		}
	}
	if seen != 1<<len(b.fields())-1 {
		return b, errors.New("its note of the image is not complete")
	}
	return b, ref.CheckDigest(b.ChainID)
}

// pinned is a reference to the very image: its name may mean another by now.
func (b *Base) pinned() string {
	r, err := ref.Parse(b.Reference)
	if err != nil || r.Kind != ref.Registry || ref.CheckDigest(b.Manifest) != nil {
		return b.Reference
	}
	r.Tag, r.Digest = "", b.Manifest
	return r.String()
}

// same reports whether a layer over b may be used over other. Directories that
// are no images have no chain, and its digest is all zeros: there the path
// counts.
func (b *Base) same(other *Base) bool {
	if strings.Trim(strings.TrimPrefix(b.ChainID, "sha256:"), "0") == "" && b.Reference != other.Reference {
		return false
	}
	return b.ChainID == other.ChainID && b.IDs == other.IDs
}
