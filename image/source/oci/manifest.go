package oci

import (
	"encoding/json"
	"strconv"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Manifest is one image.
type Manifest struct {
	MediaType    string
	Config       Descriptor
	Layers       []Descriptor
	ArtifactType string
}

// Index is a list of manifests.
type Index struct {
	MediaType string
	Manifests []Descriptor
}

// Parse reads a manifest or an index; exactly one of the results is set.
// mediaType is what the descriptor or the server called it, "" if neither did.
// What the document calls itself must agree, and it must not look like both:
// whoever checks a signature on one reading would run the other
// (CVE-2021-41190).
func Parse(raw []byte, mediaType string) (*Manifest, *Index, error) {
	if len(raw) > MaxManifest {
		return nil, nil, Reason("the manifest is larger than "+strconv.Itoa(MaxManifest)+" bytes", nil)
	}
	fields, err := fieldsOf(raw)
	if err != nil {
		return nil, nil, err
	}
	kind, err := kindOf(fields, mediaType)
	if err != nil {
		return nil, nil, err
	}
	if IsIndex(kind) {
		x := &Index{MediaType: kind}
		if x.Manifests, err = descriptors(fields["manifests"], "manifests", MaxManifests); err != nil {
			return nil, nil, err
		}
		return nil, x, nil
	}
	m := &Manifest{MediaType: kind}
	if err := field(fields, "artifactType", &m.ArtifactType); err != nil {
		return nil, nil, err
	}
	if err := field(fields, "config", &m.Config); err != nil {
		return nil, nil, err
	}
	if err := checkDescriptor(&m.Config); err != nil {
		return nil, nil, Reason("config: "+err.Error(), err)
	}
	if m.Layers, err = descriptors(fields["layers"], "layers", MaxLayers); err != nil {
		return nil, nil, err
	}
	return m, nil, nil
}

// fieldsOf reads the outer object. Names are compared byte by byte, which
// encoding/json does not do for struct fields: "Layers" is not "layers".
func fieldsOf(raw []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, Reason("the manifest is not JSON: "+err.Error(), err)
	}
	if fields == nil {
		return nil, Reason("the manifest is not a JSON object", nil)
	}
	return fields, nil
}

func field(fields map[string]json.RawMessage, name string, into any) error {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return Reason("the key "+name+" of the manifest is malformed: "+err.Error(), err)
	}
	return nil
}

// kindOf decides between an index and a manifest.
func kindOf(fields map[string]json.RawMessage, given string) (string, error) {
	var schema int64
	var own string
	if err := field(fields, "schemaVersion", &schema); err != nil {
		return "", err
	}
	if err := field(fields, "mediaType", &own); err != nil {
		return "", err
	}
	_, index := fields["manifests"]
	_, layers := fields["layers"]
	_, config := fields["config"]
	_, old := fields["fsLayers"]
	switch {
	case schema == 1, old, types.MediaType(own).IsSchema1(), types.MediaType(given).IsSchema1():
		return "", Reason("the image is in docker's format schema 1, which was given up in 2017 and cannot be verified; push it again with a current tool", nil)
	case schema != 2:
		return "", Reason("the manifest is of schema version "+strconv.FormatInt(schema, 10)+", not 2", nil)
	case index && (layers || config):
		return "", Reason("the manifest claims to be both an image and an index (CVE-2021-41190)", nil)
	case !index && !config:
		return "", Reason("the manifest has neither a config nor manifests", nil)
	}
	kind := own
	if kind == "" {
		kind = given
	}
	if kind == "" || kind == TypeOctets || kind == "application/json" {
		if kind = TypeManifest; index {
			kind = TypeIndex
		}
	}
	switch {
	case own != "" && isKnown(given) && given != own:
		return "", Reason("the manifest calls itself "+Quote(own)+", but was announced as "+Quote(given)+" (CVE-2021-41190)", nil)
	case !isKnown(kind):
		return "", Reason("lichen does not read manifests of type "+Quote(kind), nil)
	case IsIndex(kind) != index:
		return "", Reason("the manifest is of type "+Quote(kind)+", which its content is not (CVE-2021-41190)", nil)
	}
	return kind, nil
}

func isKnown(mediaType string) bool { return IsIndex(mediaType) || IsManifest(mediaType) }

func descriptors(raw json.RawMessage, name string, most int) ([]Descriptor, error) {
	if raw == nil {
		return nil, nil
	}
	// Counted first: a descriptor takes 30 times the room of "{},".
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, Reason("the key "+name+" of the manifest is malformed: "+err.Error(), err)
	}
	if len(items) > most {
		return nil, Reason("the manifest has "+strconv.Itoa(len(items))+" "+name+", more than "+strconv.Itoa(most), nil)
	}
	list := make([]Descriptor, len(items))
	for i := range items {
		err := json.Unmarshal(items[i], &list[i])
		if err == nil {
			err = checkDescriptor(&list[i])
		}
		if err != nil {
			return nil, Reason(name+"["+strconv.Itoa(i)+"]: "+err.Error(), err)
		}
	}
	return list, nil
}

func checkDescriptor(d *Descriptor) error {
	switch {
	case d.Size < 0:
		return Reason("the size is "+strconv.FormatInt(d.Size, 10), nil)
	case d.Size > MaxBlob:
		return Reason("the size "+strconv.FormatInt(d.Size, 10)+" is more than lichen takes", nil)
	case len(d.MediaType) > maxType:
		return Reason("the media type is too long", nil)
	case d.Digest == "":
		return Reason("the digest is missing", nil)
	}
	return CheckDigest(d.Digest)
}

// CheckImage returns why a manifest is not one of a container image that can
// be unpacked, or nil.
func (m *Manifest) CheckImage() error {
	switch t := m.Config.MediaType; {
	case m.ArtifactType != "" && t != TypeConfig && t != TypeDockerConfig:
		return Reason("this is no container image but an artifact of type "+Quote(m.ArtifactType), nil)
	case t != TypeConfig && t != TypeDockerConfig && t != TypeOctets:
		return Reason("this is no container image: its config is of type "+Quote(t), nil)
	case m.Config.Size > MaxConfig:
		return Reason("the config has "+strconv.FormatInt(m.Config.Size, 10)+" bytes, more than "+strconv.Itoa(MaxConfig), nil)
	}
	for i := range m.Layers {
		if t := m.Layers[i].MediaType; !IsLayer(t) {
			return Reason("layer "+strconv.Itoa(i+1)+" is of type "+Quote(t)+", which lichen does not unpack", nil)
		}
	}
	return nil
}

// CheckManifest compares a manifest that was read with the descriptor that
// asked for it; a size of -1 is not known. Then it fills in the descriptor.
func CheckManifest(raw []byte, d *Descriptor) error {
	if d.Size >= 0 && d.Size != int64(len(raw)) {
		return Reason(strconv.Itoa(len(raw))+" bytes where the index says "+strconv.FormatInt(d.Size, 10), nil)
	}
	if got := Digest(raw); got != d.Digest {
		return Reason("the content has the digest "+got, nil)
	}
	m, x, err := Parse(raw, d.MediaType)
	switch {
	case err != nil:
		return err
	case m != nil:
		d.MediaType = m.MediaType
	default:
		d.MediaType = x.MediaType
	}
	d.Size = int64(len(raw))
	return nil
}
