package source

import (
	"context"
	"strconv"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// Image is one image for one platform, all but its layers.
type Image struct {
	Top              Descriptor // what the reference named: an index, or the manifest itself
	Manifest         []byte
	Descriptor       Descriptor // of Manifest
	Config           []byte
	ConfigDescriptor Descriptor
	Parsed           *oci.ImageConfig // Config, parsed
	Layers           []Descriptor     // the lowest first
	DiffIDs          []string         // as many as Layers
	Platform         oci.Platform     // what the image says it is for
}

// Resolve finds the image that a reference means on a platform ("OS/ARCH" or
// "OS/ARCH/VARIANT", "" for the host's).
func Resolve(ctx context.Context, src Source, r ref.Ref, platform string) (*Image, error) {
	want, err := oci.ParsePlatform(platform)
	if err != nil {
		return nil, err
	}
	s := resolver{src: src, want: want, name: r.String()}
	raw, top, err := src.Manifest(ctx, wanted(r))
	if err != nil {
		return nil, err
	}
	img, err := s.image(ctx, raw, top, 0)
	if err != nil {
		return nil, err
	}
	img.Top = top
	return img, nil
}

type resolver struct {
	src  Source
	want oci.Platform
	name string
}

func (s *resolver) fail(reason string, err error) error {
	return oci.Fail("resolve", s.name, oci.Reason(reason, err))
}

// image follows indexes down to the image for the platform.
func (s *resolver) image(ctx context.Context, raw []byte, d Descriptor, depth int) (*Image, error) {
	m, x, err := oci.Parse(raw, d.MediaType)
	if err != nil {
		return nil, oci.Fail("resolve", s.name, err)
	}
	if m != nil {
		return s.single(ctx, raw, d, m)
	}
	if depth == oci.MaxDepth {
		return nil, s.fail("indexes are nested more than "+strconv.Itoa(oci.MaxDepth)+" deep", nil)
	}
	i := oci.Choose(x.Manifests, s.want)
	if i < 0 {
		i = nested(x.Manifests)
	}
	if i < 0 {
		return nil, s.fail("there is no image for "+s.want.String()+"; the platforms are: "+oci.Platforms(x.Manifests), nil)
	}
	next, err := s.child(ctx, x.Manifests[i])
	if err != nil {
		return nil, err
	}
	return s.image(ctx, next, x.Manifests[i], depth+1)
}

// nested returns the first index among the entries of an index that names no
// platform, or -1.
func nested(list []Descriptor) int {
	for i := range list {
		if list[i].Platform == nil && oci.IsIndex(list[i].MediaType) {
			return i
		}
	}
	return -1
}

// child reads an entry of an index. What it is was said by the index; the
// server does not get to say otherwise.
func (s *resolver) child(ctx context.Context, d Descriptor) ([]byte, error) {
	raw, got, err := s.src.Manifest(ctx, d.Digest)
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) != d.Size:
		return nil, s.fail("the manifest "+d.Digest+" has "+strconv.Itoa(len(raw))+" bytes where the index says "+strconv.FormatInt(d.Size, 10), nil)
	case d.MediaType != "" && got.MediaType != "" && got.MediaType != d.MediaType:
		return nil, s.fail("the manifest "+d.Digest+" is of type "+oci.Quote(got.MediaType)+" where the index says "+oci.Quote(d.MediaType)+" (CVE-2021-41190)", nil)
	}
	return raw, nil
}

// single reads the config of one image.
func (s *resolver) single(ctx context.Context, raw []byte, d Descriptor, m *oci.Manifest) (*Image, error) {
	if err := m.CheckImage(); err != nil {
		return nil, oci.Fail("resolve", s.name, err)
	}
	r, err := s.src.Blob(ctx, m.Config, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close() // only read from
	conf, err := oci.ReadAll(r, m.Config, oci.MaxConfig)
	if err != nil {
		return nil, err
	}
	parsed, err := oci.ParseConfig(conf, len(m.Layers))
	if err != nil {
		return nil, oci.Fail("resolve", s.name, err)
	}
	p := parsed.Platform()
	if p.OS != "" && p.Architecture != "" && !s.want.Runs(oci.Platform{OS: p.OS, Architecture: p.Architecture}) {
		return nil, s.fail("the image is for "+oci.ShownPlatform(p)+", not for "+s.want.String(), nil)
	}
	d.MediaType, d.Digest, d.Size = m.MediaType, oci.Digest(raw), int64(len(raw))
	return &Image{
		Manifest: raw, Descriptor: d, Config: conf, ConfigDescriptor: m.Config,
		Parsed: parsed, Layers: m.Layers, DiffIDs: parsed.RootFS.DiffIDs, Platform: p,
	}, nil
}
