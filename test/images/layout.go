package images

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
)

// Image is an image before it is written.
type Image struct {
	Name        string // the tag's name in a layout and the repository's in a registry
	Layers      []Layer
	Compression Compression // default: Gzip
	Config      Config
	Arch        string // default: this machine's
}

// Config is how an image's programs are started: the fields of "config" in the
// OCI image configuration.
type Config struct {
	User         string              `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	Entrypoint   []string            `json:",omitempty"`
	Cmd          []string            `json:",omitempty"`
	Volumes      map[string]struct{} `json:",omitempty"`
	WorkingDir   string              `json:",omitempty"`
	Labels       map[string]string   `json:",omitempty"`
	StopSignal   string              `json:",omitempty"`
}

// Descriptor names a blob.
type Descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        Descriptor   `json:"config"`
	Layers        []Descriptor `json:"layers"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []Descriptor `json:"manifests"`
}

type configFile struct {
	platform
	Created string `json:"created"`
	Config  Config `json:"config"`
	RootFS  rootFS `json:"rootfs"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	refName      = "org.opencontainers.image.ref.name"
)

// Layout writes images to an OCI image layout at dir, which it makes. Each has
// the tag Name. Anybody may read it.
func Layout(dir string, images ...Image) error {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	list := index{SchemaVersion: 2, MediaType: typeIndex}
	for _, image := range images {
		d, err := image.write(dir)
		if err != nil {
			return err
		}
		list.Manifests = append(list.Manifests, d)
	}
	marker := []byte(`{"imageLayoutVersion":"1.0.0"}`)
	if err := os.WriteFile(filepath.Join(dir, "oci-layout"), marker, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "index.json"), encode(list), 0o644)
}

func (i Image) write(dir string) (Descriptor, error) {
	compression := i.Compression
	if compression == "" {
		compression = Gzip
	}
	arch := i.Arch
	if arch == "" {
		arch = runtime.GOARCH
	}
	m := manifest{SchemaVersion: 2, MediaType: typeManifest}
	c := configFile{platform: platform{arch, "linux"}, Created: Epoch.UTC().Format("2006-01-02T15:04:05Z"),
		Config: i.Config, RootFS: rootFS{Type: "layers", DiffIDs: []string{}}}
	for _, layer := range i.Layers {
		b, err := layer.compress(compression)
		if err != nil {
			return Descriptor{}, err
		}
		if err := b.put(dir); err != nil {
			return Descriptor{}, err
		}
		m.Layers = append(m.Layers, Descriptor{MediaType: compression.mediaType(), Digest: b.digest, Size: b.size})
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, layer.DiffID())
	}
	config, err := putJSON(dir, c, typeConfig)
	if err != nil {
		return Descriptor{}, err
	}
	m.Config = config
	d, err := putJSON(dir, m, typeManifest)
	d.Annotations = map[string]string{refName: i.Name}
	d.Platform = &c.platform
	return d, err
}

func putJSON(dir string, v any, mediaType string) (Descriptor, error) {
	b := memoryBlob(encode(v))
	return Descriptor{MediaType: mediaType, Digest: b.digest, Size: b.size}, b.put(dir)
}

// encode marshals what cannot fail: structs of strings and numbers.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
