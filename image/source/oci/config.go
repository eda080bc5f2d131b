package oci

import (
	"encoding/json"
	"strconv"
)

// ImageConfig is what an image says about itself.
type ImageConfig struct {
	Created      string    `json:"created,omitempty"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Variant      string    `json:"variant,omitempty"`
	Config       RunConfig `json:"config"`
	RootFS       RootFS    `json:"rootfs"`
	History      []History `json:"history,omitempty"`
}

// RunConfig is how to start the image.
type RunConfig struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
}

// RootFS names the layers by the digests of their uncompressed bytes.
type RootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

// History is one step of how the image was built.
type History struct {
	Created    string `json:"created,omitempty"`
	CreatedBy  string `json:"created_by,omitempty"`
	Comment    string `json:"comment,omitempty"`
	EmptyLayer bool   `json:"empty_layer,omitempty"`
}

// Platform returns what the config says the image runs on.
func (c *ImageConfig) Platform() Platform {
	return Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}
}

// ParseConfig reads the config of an image with the given number of layers.
func ParseConfig(raw []byte, layers int) (*ImageConfig, error) {
	if len(raw) > MaxConfig {
		return nil, Reason("the config is larger than "+strconv.Itoa(MaxConfig)+" bytes", nil)
	}
	c := &ImageConfig{}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, Reason("the image config is malformed: "+err.Error(), err)
	}
	if c.RootFS.Type != "layers" && (c.RootFS.Type != "" || len(c.RootFS.DiffIDs) > 0) {
		return nil, Reason("the image config has a root file system of type "+Quote(c.RootFS.Type)+", not layers", nil)
	}
	if n := len(c.RootFS.DiffIDs); n != layers {
		return nil, Reason("the image has "+strconv.Itoa(layers)+" layers, but its config names "+strconv.Itoa(n), nil)
	}
	for i, id := range c.RootFS.DiffIDs {
		if err := CheckDigest(id); err != nil {
			return nil, Reason("diff_ids["+strconv.Itoa(i)+"]: "+err.Error(), err)
		}
	}
	return c, c.checkHistory(layers)
}

// checkHistory compares the history with the layers; an image may have none.
func (c *ImageConfig) checkHistory(layers int) error {
	if len(c.History) == 0 {
		return nil
	}
	full := 0
	for i := range c.History {
		if !c.History[i].EmptyLayer {
			full++
		}
	}
	// Fewer happens: builders that squash or rebase leave steps out.
	if full > layers {
		return Reason("the image has "+strconv.Itoa(layers)+" layers, but its history makes "+strconv.Itoa(full), nil)
	}
	return nil
}
