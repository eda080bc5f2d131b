package output

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

// Changes are what a new image says otherwise than its base. nil leaves a list
// as it is; one that is empty takes it away.
type Changes struct {
	Cmd, Entrypoint []string
	Env             []string // NAME=VALUE; a name without "=" is taken away
	Labels          []string // likewise
	WorkingDir      *string
	User            *string
	Message         string // comment of the history entry
}

// apply changes what a config says of how to run the image.
func (c *Changes) apply(run map[string]json.RawMessage) error {
	if c.Entrypoint != nil {
		set(run, "Entrypoint", c.Entrypoint, len(c.Entrypoint) == 0)
		if c.Cmd == nil {
			// Its words were arguments of the old entrypoint.
			delete(run, "Cmd")
		}
	}
	if c.Cmd != nil {
		set(run, "Cmd", c.Cmd, len(c.Cmd) == 0)
	}
	if c.WorkingDir != nil {
		set(run, "WorkingDir", *c.WorkingDir, *c.WorkingDir == "")
	}
	if c.User != nil {
		set(run, "User", *c.User, *c.User == "")
	}
	if len(c.Env) > 0 {
		var env []string
		if err := get(run, "Env", &env); err != nil {
			return err
		}
		env = changeEnv(env, c.Env)
		set(run, "Env", env, len(env) == 0)
	}
	if len(c.Labels) > 0 {
		labels := map[string]string{}
		if err := get(run, "Labels", &labels); err != nil {
			return err
		}
		for _, l := range c.Labels {
			name, value, given := strings.Cut(l, "=")
			if delete(labels, name); given {
				labels[name] = value
			}
		}
		set(run, "Labels", labels, len(labels) == 0)
	}
	return nil
}

// changeEnv puts each variable in the place of the one that it replaces.
func changeEnv(env, changes []string) []string {
	for _, c := range changes {
		name, _, given := strings.Cut(c, "=")
		kept := env[:0:0]
		for _, e := range env {
			old, _, _ := strings.Cut(e, "=")
			switch {
			case old != name:
				kept = append(kept, e)
			case given:
				kept, given = append(kept, c), false
			}
		}
		if given {
			kept = append(kept, c)
		}
		env = kept
	}
	return env
}

// newConfig returns the config of an image with one more layer. base is the
// config of its base, nil for none; keys that are not known here stay.
func newConfig(base []byte, platform oci.Platform, diffID string, created int64, by string, c *Changes) ([]byte, error) {
	config := map[string]json.RawMessage{}
	if base != nil {
		if err := json.Unmarshal(base, &config); err != nil {
			return nil, badConfig(err)
		}
	} else {
		set(config, "os", platform.OS, false)
		set(config, "architecture", platform.Architecture, false)
		set(config, "variant", platform.Variant, platform.Variant == "")
	}
	var fs oci.RootFS
	run := map[string]json.RawMessage{}
	var history []json.RawMessage
	for key, into := range map[string]any{"rootfs": &fs, "config": &run, "history": &history} {
		if err := get(config, key, into); err != nil {
			return nil, err
		}
	}
	if run == nil { // null
		run = map[string]json.RawMessage{}
	}
	if err := c.apply(run); err != nil {
		return nil, err
	}
	when := time.Unix(created, 0).UTC().Format(time.RFC3339)
	entry, err := encode(oci.History{Created: when, CreatedBy: by, Comment: c.Message})
	if err != nil {
		return nil, badConfig(err)
	}
	set(config, "created", when, false)
	set(config, "config", run, false)
	set(config, "history", append(history, entry), false)
	set(config, "rootfs", oci.RootFS{Type: "layers", DiffIDs: append(fs.DiffIDs, diffID)}, false)
	return encode(config)
}

func badConfig(err error) error {
	return &spec.Error{Op: "read", Object: "the image config", Err: err}
}

func get(m map[string]json.RawMessage, key string, into any) error {
	if raw, ok := m[key]; ok {
		if err := json.Unmarshal(raw, into); err != nil {
			return badConfig(err)
		}
	}
	return nil
}

// set sets a key, or takes it away if it is empty.
func set(m map[string]json.RawMessage, key string, value any, empty bool) {
	delete(m, key)
	if empty {
		return
	}
	if raw, err := encode(value); err == nil { // strings, lists and maps of them: no error
		m[key] = raw
	}
}

// encode writes JSON with sorted keys, and text as it is.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// manifest is an image manifest as it is written.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        oci.Descriptor    `json:"config"`
	Layers        []oci.Descriptor  `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// ociTypes are OCI's names of docker's layers: one manifest does not mix them.
func ociType(mediaType string) string {
	switch mediaType {
	case oci.TypeDockerLayer:
		return oci.TypeLayer
	case oci.TypeDockerGzip:
		return oci.TypeLayerGzip
	case oci.TypeDockerZstd:
		return oci.TypeLayerZstd
	}
	return mediaType
}

// newManifest returns the manifest of an image. baseDigest is that of the image
// that it was made from, "" for none.
func newManifest(config oci.Descriptor, layers []oci.Descriptor, baseDigest string) ([]byte, error) {
	m := manifest{SchemaVersion: 2, MediaType: oci.TypeManifest, Config: config}
	for _, l := range layers {
		l.MediaType = ociType(l.MediaType)
		m.Layers = append(m.Layers, l)
	}
	if baseDigest != "" {
		m.Annotations = map[string]string{"org.opencontainers.image.base.digest": baseDigest}
	}
	return encode(m)
}
