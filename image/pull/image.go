package pull

import (
	"maps"
	"slices"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/spec"
)

// Image is what the documents of an image say.
type Image struct {
	Platform    string // as its config has it
	Manifest    oci.Descriptor
	Config      oci.Descriptor
	Layers      []oci.Descriptor
	DiffIDs     []string // of the layers
	Info        *oci.ImageConfig
	RawConfig   []byte
	RawManifest []byte
}

// Load reads the documents of an image that the store has. A blob that is
// missing or damaged is an error.
func Load(s *store.Store, rec *record.Record) (*Image, error) {
	raw, err := blob.Read(s, rec.Manifest, oci.MaxManifest)
	if err != nil {
		return nil, err
	}
	m, index, err := oci.Parse(raw, "")
	if err == nil && index != nil {
		err = oci.Reason("it is an index, not an image", nil)
	}
	if err == nil {
		err = m.CheckImage()
	}
	if err != nil {
		return nil, &spec.Error{Op: "read the manifest", Object: rec.Manifest, Err: err}
	}
	config, err := blob.Read(s, m.Config.Digest, oci.MaxConfig)
	if err != nil {
		return nil, err
	}
	d := oci.Descriptor{MediaType: m.MediaType, Digest: rec.Manifest, Size: int64(len(raw))}
	return newImage(raw, d, config, m.Config, m.Layers)
}

// newImage puts documents that belong together in one.
func newImage(rawManifest []byte, manifest oci.Descriptor, rawConfig []byte, config oci.Descriptor, layers []oci.Descriptor) (*Image, error) {
	info, err := oci.ParseConfig(rawConfig, len(layers))
	if err != nil {
		return nil, &spec.Error{Op: "read the config", Object: config.Digest, Err: err}
	}
	return &Image{
		Platform: info.Platform().String(), Manifest: manifest, Config: config, Layers: layers, DiffIDs: info.RootFS.DiffIDs,
		Info: info, RawManifest: rawManifest, RawConfig: rawConfig,
	}, nil
}

// Chain returns the chain ids: the n-th is of the tree that the first n+1
// layers make (OCI image configuration, "Layer ChainID"). An image without
// layers has none.
func (img *Image) Chain() []string {
	chain := slices.Clone(img.DiffIDs)
	for i := 1; i < len(chain); i++ {
		chain[i] = oci.Digest([]byte(chain[i-1] + " " + img.DiffIDs[i]))
	}
	return chain
}

// ChainID names the whole tree. That of no layers is the digest of nothing.
func (img *Image) ChainID() string {
	if chain := img.Chain(); len(chain) > 0 {
		return chain[len(chain)-1]
	}
	return oci.Digest(nil)
}

// Digests lists the blobs that an image consists of.
func (img *Image) Digests() []string {
	list := []string{img.Manifest.Digest, img.Config.Digest}
	for i := range img.Layers {
		list = append(list, img.Layers[i].Digest)
	}
	return list
}

// newRecord fills in what the config says. The user is still to be resolved.
func (img *Image) newRecord(reference, platform, stamp string) *record.Record {
	run := &img.Info.Config
	return &record.Record{
		Reference: reference, Platform: platform, Stamp: stamp,
		Manifest: img.Manifest.Digest, Config: img.Config.Digest, ChainID: img.ChainID(),
		Entrypoint: run.Entrypoint, Cmd: run.Cmd, Env: run.Env,
		WorkingDir: run.WorkingDir, User: run.User, StopSignal: run.StopSignal,
		ExposedPorts: sortedKeys(run.ExposedPorts), Volumes: sortedKeys(run.Volumes),
	}
}

func sortedKeys(m map[string]struct{}) []string { return slices.Sorted(maps.Keys(m)) }
