// Package ref reads what a user writes to name an image, and gives every image
// one canonical name.
//
// A name without a kind is one in a registry, read as docker reads it: "debian"
// is docker.io/library/debian:latest. The other kinds say where the image lies:
//
//	oci:DIR[:TAG][@DIGEST]           an OCI layout
//	oci-archive:FILE[:TAG][@DIGEST]  the same in a tar file
//	docker-archive:FILE[:NAME:TAG]   what docker save writes; tar: is short for it
//	dir:DIR                          a root file system as it is
//
// The path ends at the first colon, as in skopeo; only that of dir: may have one.
package ref

import "strings"

// Kind says where an image lies.
type Kind uint8

// The kinds of places.
const (
	Registry Kind = iota
	Layout
	LayoutArchive
	DockerArchive
	Dir
)

// The canonical prefixes, by Kind.
const (
	layoutPrefix        = "oci:"
	layoutArchivePrefix = "oci-archive:"
	dockerArchivePrefix = "docker-archive:"
	dirPrefix           = "dir:"
)

// Ref is a reference in canonical form. Two that are equal name the same image;
// only Parse and ParseIn make them.
type Ref struct {
	Kind Kind

	// Registry is a host with an optional port, in lower case ("docker.io"),
	// and Repository a name in it ("library/debian"). Kind Registry only.
	Registry, Repository string

	// Tag and Digest are what is asked for. In a registry at least one is
	// given; where both are, the digest decides. In a layout Tag is an
	// org.opencontainers.image.ref.name, in a docker archive a RepoTag, and
	// both empty means the only image there is.
	Tag, Digest string

	// Path is absolute and clean. Every kind but Registry has one.
	Path string
}

// maxFileName is the most that FileName may return, in bytes. It leaves room
// for the platform in a file name, which Linux limits to 255.
const maxFileName = 200

// String returns the canonical form, which Parse turns back into r.
func (r Ref) String() string {
	var s string
	switch r.Kind {
	case Registry:
		s = r.Registry + "/" + r.Repository
	case Layout:
		s = layoutPrefix + r.Path
	case LayoutArchive:
		s = layoutArchivePrefix + r.Path
	case DockerArchive:
		s = dockerArchivePrefix + r.Path
	case Dir:
		return dirPrefix + r.Path
	}
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// FileName returns the canonical form as a file name of at most 200 bytes, a
// different one for every reference. Slashes become "+", and what is neither a
// letter or digit of ASCII nor one of ".-_:@" becomes "%" and two hex digits.
func (r Ref) FileName() string {
	const hex = "0123456789ABCDEF"
	s := r.String()
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/':
			b.WriteByte('+')
		case isAlnum(c) || strings.IndexByte(".-_:@", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isLower(c) || isUpper(c) || isDigit(c) }
