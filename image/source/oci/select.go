package oci

import (
	"encoding/json"
	"io/fs"
	"strings"
)

// Select finds what a tag or a digest means among the entries of the
// index.json of a layout; "" is the only image that there is. A digest that is
// not listed gives a descriptor of it alone: its blob may be there all the
// same. The names of several entries for one tag are an error.
func Select(list []Descriptor, want string) (Descriptor, error) {
	if strings.HasPrefix(want, "sha256:") {
		for i := range list {
			if list[i].Digest == want {
				return list[i], nil
			}
		}
		return Descriptor{Digest: want, Size: -1}, CheckDigest(want)
	}
	var found []int
	for _, match := range []func(have, want string) bool{equal, sameName} {
		for i := range list {
			if !IsAttestation(&list[i]) && (want == "" || matchAny(&list[i], want, match)) {
				found = append(found, i)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	switch {
	case len(found) == 1:
		return list[found[0]], nil
	case len(list) == 0:
		return Descriptor{}, Reason("no image in it", fs.ErrNotExist)
	case len(found) == 0:
		return Descriptor{}, Reason("no tag "+Quote(want)+" in it; the tags are: "+names(list), fs.ErrNotExist)
	case want == "":
		return Descriptor{}, Reason("several images in it; name one of the tags: "+names(list), nil)
	}
	return Descriptor{}, Reason("several images in it are called "+Quote(want)+"; name one by its digest", nil)
}

func equal(have, want string) bool { return have == want }

// sameName compares "debian:12" with "docker.io/library/debian:12", and a tag
// with a whole name.
func sameName(have, want string) bool {
	return FullName(have) == FullName(want) || have[strings.LastIndexByte(have, ':')+1:] == want
}

// FullName completes the short name of an image as docker does.
func FullName(s string) string {
	first, _, has := strings.Cut(s, "/")
	switch {
	case !has:
		s = "docker.io/library/" + s
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		s = "docker.io/" + s
	}
	if strings.LastIndexByte(s, ':') < strings.LastIndexByte(s, '/') {
		s += ":latest"
	}
	return s
}

func matchAny(d *Descriptor, want string, match func(have, want string) bool) bool {
	for _, key := range []string{RefName, ContainerdName} {
		if have := d.Annotations[key]; have != "" && match(have, want) {
			return true
		}
	}
	return false
}

// names lists tags, for an error.
func names(list []Descriptor) string {
	const most = 20
	var b strings.Builder
	n := 0
	for i := range list {
		name := list[i].Annotations[RefName]
		if name == "" {
			name = list[i].Annotations[ContainerdName]
		}
		if name == "" {
			continue
		}
		if n++; n > most {
			b.WriteString(", …")
			break
		}
		if n > 1 {
			b.WriteString(", ")
		}
		b.WriteString(Quote(name))
	}
	if n == 0 {
		return "none"
	}
	return b.String()
}

// layoutVersion is what the file oci-layout says.
const layoutVersion = "1.0.0"

// LayoutFile is the content of the file oci-layout.
const LayoutFile = `{"imageLayoutVersion":"` + layoutVersion + `"}`

// CheckLayoutFile returns why an oci-layout file is not one that lichen reads.
func CheckLayoutFile(raw []byte) error {
	var l struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return Reason("the file oci-layout is malformed: "+err.Error(), err)
	}
	if l.Version != layoutVersion {
		return Reason("the layout is of version "+Quote(l.Version)+", not "+layoutVersion, nil)
	}
	return nil
}

// ParseIndexJSON reads an index.json. It may lack a media type.
func ParseIndexJSON(raw []byte) (*Index, error) {
	_, x, err := Parse(raw, "")
	if err != nil {
		return nil, Reason("index.json: "+err.Error(), err)
	}
	if x == nil {
		return nil, Reason("index.json is an image, not an index", nil)
	}
	return x, nil
}

// AddToIndex returns an index.json with one more image; raw may be nil. An
// entry of the same tag is replaced, and so is an untagged one of the same
// digest. The other entries stay as they are.
func AddToIndex(raw []byte, d Descriptor, tag string) ([]byte, error) {
	doc := struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Manifests     []json.RawMessage `json:"manifests"`
	}{2, TypeIndex, nil}
	if raw != nil {
		if _, err := ParseIndexJSON(raw); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			return nil, err
		}
		doc.MediaType = TypeIndex
	}
	keep := doc.Manifests[:0]
	for _, m := range doc.Manifests {
		var old Descriptor
		if err := json.Unmarshal(m, &old); err != nil {
			return nil, err
		}
		if name := old.Annotations[RefName]; name != tag || tag == "" && old.Digest != d.Digest {
			keep = append(keep, m)
		}
	}
	if tag != "" {
		d.Annotations = map[string]string{RefName: tag}
	}
	entry, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	doc.Manifests = append(keep, entry)
	return json.Marshal(doc)
}
