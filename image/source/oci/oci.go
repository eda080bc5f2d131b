// Package oci holds the documents of container images: descriptors, manifests,
// indexes, configs and platforms, parsed from bytes that nobody vouches for.
package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lichen-sandbox/lichen/spec"
)

// Bounds on what is read into memory or followed.
const (
	MaxManifest  = 4 << 20 // bytes of a manifest or an index; registries refuse more
	MaxConfig    = 4 << 20 // bytes of an image config
	MaxLayers    = 512
	MaxManifests = 4096    // entries of an index
	MaxDepth     = 4       // indexes in indexes
	MaxBlob      = 1 << 40 // bytes of a layer
	maxType      = 255     // bytes of a media type, as in RFC 6838
)

// Media types, as strings: what a document says is not yet one of them.
const (
	TypeIndex          = string(types.OCIImageIndex)
	TypeManifest       = string(types.OCIManifestSchema1)
	TypeConfig         = string(types.OCIConfigJSON)
	TypeLayer          = string(types.OCIUncompressedLayer)
	TypeLayerGzip      = string(types.OCILayer)
	TypeLayerZstd      = string(types.OCILayerZStd)
	TypeDockerList     = string(types.DockerManifestList)
	TypeDockerManifest = string(types.DockerManifestSchema2)
	TypeDockerConfig   = string(types.DockerConfigJSON)
	TypeDockerLayer    = string(types.DockerUncompressedLayer)
	TypeDockerGzip     = string(types.DockerLayer)
	TypeDockerZstd     = "application/vnd.docker.image.rootfs.diff.tar.zstd"
	TypeOctets         = "application/octet-stream"
)

// RefName is the annotation that holds a tag in an index.json.
const RefName = "org.opencontainers.image.ref.name"

// ContainerdName is the annotation in which docker and containerd keep a full
// reference beside the tag.
const ContainerdName = "io.containerd.image.name"

// Descriptor names content by digest. It comes from a document that was
// checked: Digest is "sha256:" and 64 hex digits, Size is not negative.
type Descriptor struct {
	MediaType    string            `json:"mediaType,omitempty"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"` // never followed
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

// IsIndex says whether a media type is one of a list of manifests.
func IsIndex(mediaType string) bool { return types.MediaType(mediaType).IsIndex() }

// IsManifest says whether a media type is one of a single image.
func IsManifest(mediaType string) bool { return types.MediaType(mediaType).IsImage() }

// IsForeign says whether a layer is one that registries need not have.
func IsForeign(mediaType string) bool { return !types.MediaType(mediaType).IsDistributable() }

// IsLayer says whether a media type is one of a layer that can be unpacked.
func IsLayer(mediaType string) bool {
	return types.MediaType(mediaType).IsLayer() || mediaType == TypeDockerZstd
}

// Digest returns the digest of b.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// CheckDigest returns why s is not a digest that lichen uses, or nil.
func CheckDigest(s string) error {
	algorithm, digits, found := strings.Cut(s, ":")
	switch {
	case !found:
		return Reason(Quote(s)+" is not a digest", nil)
	case algorithm != "sha256":
		return Reason("the digest "+Quote(s)+" is not sha256, the only algorithm that lichen trusts", nil)
	case len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "":
		return Reason(Quote(s)+" is not a sha256 digest: it needs 64 digits from 0-9 and a-f", nil)
	}
	return nil
}

// Hex returns the digits of a digest that CheckDigest accepted.
func Hex(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

// Quote makes text from outside fit for one line of an error.
func Quote(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

type reason struct {
	text string
	is   error
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.is }

// Reason is an error with a text of its own that is, for errors.Is and
// errors.As, also the given one.
func Reason(text string, is error) error { return &reason{text, is} }

// Fail returns the error that a user reads about one object.
func Fail(op, object string, err error) error {
	return &spec.Error{Op: op, Object: object, Err: err}
}

// PathReason takes the operation and the path out of an error of package os:
// the caller names them.
func PathReason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
