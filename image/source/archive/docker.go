package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// dockerImage is one entry of docker's manifest.json.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

const maxImages = 1024

func parseDocker(raw []byte) ([]dockerImage, error) {
	var list []dockerImage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, oci.Reason("manifest.json is malformed: "+err.Error(), err)
	}
	if len(list) == 0 || len(list) > maxImages {
		return nil, oci.Reason("manifest.json lists "+strconv.Itoa(len(list))+" images", nil)
	}
	for i := range list {
		if len(list[i].Layers) > oci.MaxLayers {
			return nil, oci.Reason("manifest.json lists "+strconv.Itoa(len(list[i].Layers))+" layers, more than "+strconv.Itoa(oci.MaxLayers), nil)
		}
	}
	return list, nil
}

// selectDocker finds an image by its tag. The selection is that of layouts:
// each tag is an entry.
func (a *Archive) selectDocker(want string) (*dockerImage, error) {
	var list []oci.Descriptor
	var images []int
	for i := range a.docker {
		tags := a.docker[i].RepoTags
		if want == "" || len(tags) == 0 {
			tags = append(slices.Clone(tags), "")[:1] // counted once
		}
		for _, tag := range tags {
			list = append(list, oci.Descriptor{
				Digest:      strconv.Itoa(len(images)), // found again by it
				Annotations: map[string]string{oci.RefName: tag},
			})
			images = append(images, i)
		}
	}
	d, err := oci.Select(list, want)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(d.Digest)
	if err != nil {
		return nil, err
	}
	return &a.docker[images[n]], nil
}

// dockerManifest returns the manifest of one of docker's images: the one that
// a newer docker save put into the archive, or one made from its files.
func (a *Archive) dockerManifest(ctx context.Context, want string) ([]byte, oci.Descriptor, error) {
	if strings.HasPrefix(want, "sha256:") {
		return a.dockerDigest(ctx, want)
	}
	img, err := a.selectDocker(want)
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	return a.manifestOf(ctx, img)
}

// dockerDigest looks for a manifest by digest among those that there are and
// those that can be made.
func (a *Archive) dockerDigest(ctx context.Context, want string) ([]byte, oci.Descriptor, error) {
	if err := oci.CheckDigest(want); err != nil {
		return nil, oci.Descriptor{}, err
	}
	if _, ok := a.files[blobDir+oci.Hex(want)]; ok {
		return a.checked(oci.Descriptor{Digest: want, Size: -1})
	}
	for i := range a.docker {
		raw, d, err := a.manifestOf(ctx, &a.docker[i])
		if err != nil || d.Digest == want {
			return raw, d, err
		}
	}
	return nil, oci.Descriptor{}, oci.Reason("no image with the digest "+want+" in it", fs.ErrNotExist)
}

func (a *Archive) manifestOf(ctx context.Context, img *dockerImage) ([]byte, oci.Descriptor, error) {
	raw, d, err := a.existing(img)
	if raw != nil || err != nil {
		return raw, d, err
	}
	return a.make(ctx, img)
}

// existing looks in index.json for the manifest with the config and the number
// of layers of an image. nil without an error means that there is none.
func (a *Archive) existing(img *dockerImage) ([]byte, oci.Descriptor, error) {
	config, ok := strings.CutPrefix(img.Config, blobDir)
	if _, has := a.files["index.json"]; !ok || !has {
		return nil, oci.Descriptor{}, nil
	}
	raw, err := a.small("index.json")
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	x, err := oci.ParseIndexJSON(raw)
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	return a.existingIn(x, "sha256:"+config, len(img.Layers), 0)
}

func (a *Archive) existingIn(x *oci.Index, config string, layers, depth int) ([]byte, oci.Descriptor, error) {
	for _, d := range x.Manifests {
		raw, d, err := a.checked(d)
		if errors.Is(err, fs.ErrNotExist) {
			continue // docker lists platforms that it does not save
		}
		if err != nil {
			return nil, d, err
		}
		m, inner, err := oci.Parse(raw, d.MediaType)
		switch {
		case err != nil:
			return nil, d, err
		case m != nil && m.Config.Digest == config && len(m.Layers) == layers:
			return raw, d, nil
		case inner != nil && depth < oci.MaxDepth:
			if raw, d, err := a.existingIn(inner, config, layers, depth+1); raw != nil || err != nil {
				return raw, d, err
			}
		}
	}
	return nil, oci.Descriptor{}, nil
}

// make makes the manifest that the image would have in docker's own store. The
// same archive always gives the same one.
func (a *Archive) make(ctx context.Context, img *dockerImage) ([]byte, oci.Descriptor, error) {
	conf, err := a.small(strings.TrimPrefix(img.Config, "./"))
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	parsed, err := oci.ParseConfig(conf, len(img.Layers))
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	doc := struct {
		SchemaVersion int              `json:"schemaVersion"`
		MediaType     string           `json:"mediaType"`
		Config        oci.Descriptor   `json:"config"`
		Layers        []oci.Descriptor `json:"layers"`
	}{2, oci.TypeDockerManifest, oci.Descriptor{MediaType: oci.TypeDockerConfig, Digest: oci.Digest(conf), Size: int64(len(conf))}, []oci.Descriptor{}}
	where := map[string]string{}
	for i, name := range img.Layers {
		d, err := a.layer(ctx, name, parsed.RootFS.DiffIDs[i])
		if err != nil {
			return nil, oci.Descriptor{}, err
		}
		doc.Layers = append(doc.Layers, d)
		where[d.Digest] = name
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	d := oci.Descriptor{MediaType: oci.TypeDockerManifest, Digest: oci.Digest(raw), Size: int64(len(raw))}
	a.mu.Lock()
	defer a.mu.Unlock()
	for digest, name := range where {
		a.where[digest], _ = clean(name)
	}
	a.made[doc.Config.Digest] = conf
	return raw, d, nil
}

// layer describes the file of a layer. An uncompressed one has, by definition,
// the digest that the config gives; whoever stores it will see.
func (a *Archive) layer(ctx context.Context, name, diffID string) (oci.Descriptor, error) {
	at, ok := clean(name)
	if !ok {
		return oci.Descriptor{}, oci.Reason("manifest.json names the layer "+oci.Quote(name), nil)
	}
	e, err := find(a.files, at)
	if err != nil {
		return oci.Descriptor{}, err
	}
	head, err := headOf(a.file, e.offset, e.size)
	if err != nil {
		return oci.Descriptor{}, err
	}
	d := oci.Descriptor{MediaType: oci.TypeDockerLayer, Digest: diffID, Size: e.size}
	switch kind := compression(head); kind {
	case "":
		return d, nil
	case "gzip":
		d.MediaType = oci.TypeDockerGzip
	case "zstd":
		d.MediaType = oci.TypeDockerZstd
	default:
		return d, oci.Reason("the layer "+oci.Quote(name)+" is compressed with "+kind+", which lichen does not read", nil)
	}
	sum := sha256.New()
	if _, err := copyMost(ctx, sum, io.NewSectionReader(a.file, e.offset, e.size), e.size); err != nil {
		return d, err
	}
	d.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return d, nil
}

// repoTags writes manifest.json for one image whose files lie in blobs/.
func repoTags(m *oci.Manifest, tag string) ([]byte, error) {
	img := dockerImage{Config: blobDir + oci.Hex(m.Config.Digest), RepoTags: []string{}, Layers: []string{}}
	if tag != "" {
		img.RepoTags = append(img.RepoTags, tag)
	}
	for i := range m.Layers {
		img.Layers = append(img.Layers, blobDir+oci.Hex(m.Layers[i].Digest))
	}
	var b bytes.Buffer
	err := json.NewEncoder(&b).Encode([]dockerImage{img})
	return b.Bytes(), err
}
