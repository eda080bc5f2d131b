package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
)

type inspectOptions struct {
	Platform string `long:"platform" value-name:"OS/ARCH[/VARIANT]" unquote:"false" description:"only the image for this platform"`
	jsonOption
	helpOption
}

// inspected is all that the store knows of an image.
type inspected struct {
	Reference string           `json:"reference"`
	Platform  string           `json:"platform"`
	Digest    string           `json:"digest"`
	Stamp     string           `json:"stamp,omitempty"`
	Manifest  json.RawMessage  `json:"manifest"`
	Config    json.RawMessage  `json:"config"`
	Layers    []inspectedLayer `json:"layers"`
	ChainID   string           `json:"chainID"`
	Trees     []inspectedTree  `json:"trees"`
	Launch    launch           `json:"launch"`
}

type inspectedLayer struct {
	Digest    string `json:"digest"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	DiffID    string `json:"diffID"`
	ChainID   string `json:"chainID"`
	Stored    bool   `json:"stored"`
}

type inspectedTree struct {
	Key  string `json:"key"`
	IDs  string `json:"ids"`
	Path string `json:"path"`
}

// launch is what an image gives to a profile.
type launch struct {
	Command      []string `json:"command"`
	Env          []string `json:"env"`
	Cwd          string   `json:"cwd,omitempty"`
	User         string   `json:"user,omitempty"`
	UID          *uint32  `json:"uid,omitempty"`
	GID          *uint32  `json:"gid,omitempty"`
	UserError    string   `json:"userError,omitempty"`
	Home         string   `json:"home,omitempty"`
	StopSignal   string   `json:"stopSignal,omitempty"`
	ExposedPorts []string `json:"exposedPorts"`
	Volumes      []string `json:"volumes"`
}

// inspectImages is "lichen image inspect".
func inspectImages(ctx context.Context, u *ui, o *inspectOptions, refs []string) int {
	s, err := openStore()
	if err != nil {
		return u.fail(err)
	}
	all := []*inspected{}
	for _, text := range refs {
		found, err := stored(s, text, o.Platform)
		if err != nil {
			return u.fail(err)
		}
		for _, named := range found {
			i, err := inspect(s, named.Record)
			if err != nil {
				return u.fail(err)
			}
			all = append(all, i)
		}
	}
	if o.JSON {
		return u.printJSON(all)
	}
	var b strings.Builder
	for n, i := range all {
		if n > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(i.summary())
	}
	return u.print(b.String())
}

func inspect(s *store.Store, rec *record.Record) (*inspected, error) {
	img, err := pull.Load(s, rec)
	if err != nil {
		return nil, err
	}
	i := &inspected{
		Reference: rec.Reference, Platform: rec.Platform, Digest: rec.Manifest, Stamp: rec.Stamp,
		Manifest: img.RawManifest, Config: img.RawConfig, ChainID: rec.ChainID, Launch: launchOf(rec),
		Layers: []inspectedLayer{}, Trees: []inspectedTree{},
	}
	chain := img.Chain()
	for n, d := range img.Layers {
		i.Layers = append(i.Layers, inspectedLayer{d.Digest, d.MediaType, d.Size, img.DiffIDs[n], chain[n], blob.Has(s, d.Digest)})
	}
	keys, err := s.Trees()
	for _, k := range keys {
		if k.ChainID() == rec.ChainID {
			i.Trees = append(i.Trees, inspectedTree{string(k), string(k.IDs()), filepath.Join(s.Dir(), "trees", string(k), "rootfs")})
		}
	}
	return i, err
}

func launchOf(r *record.Record) launch {
	return launch{
		Command: append(append([]string{}, r.Entrypoint...), r.Cmd...), Env: append([]string{}, r.Env...), Cwd: r.WorkingDir,
		User: r.User, UID: r.UID, GID: r.GID, UserError: r.UserError, Home: r.Home, StopSignal: r.StopSignal,
		ExposedPorts: append([]string{}, r.ExposedPorts...), Volumes: append([]string{}, r.Volumes...),
	}
}

// summary is the form for people.
func (i *inspected) summary() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			b.WriteString(pad(name, 11) + printable(value) + "\n")
		}
	}
	line("name", i.Reference)
	line("digest", i.Digest)
	line("platform", i.Platform)
	line("chain", i.ChainID)
	for n, l := range i.Layers {
		text := l.Digest + "  " + size(l.Size)
		if !l.Stored {
			text += "  (not stored)"
		}
		line("layer "+strconv.Itoa(n+1), text)
	}
	for _, t := range i.Trees {
		line("tree", t.Path)
	}
	i.Launch.lines(line)
	return b.String()
}

func (l *launch) lines(line func(name, value string)) {
	if len(l.Command) > 0 {
		line("command", quoted(l.Command))
	}
	for _, e := range l.Env {
		line("env", e)
	}
	line("cwd", l.Cwd)
	user := l.User
	if l.UID != nil && l.GID != nil {
		user += " (" + strconv.FormatUint(uint64(*l.UID), 10) + ":" + strconv.FormatUint(uint64(*l.GID), 10) + ")"
	}
	if l.UserError != "" {
		user += " (" + l.UserError + ")"
	}
	line("user", strings.TrimSpace(user))
	line("home", l.Home)
	line("signal", l.StopSignal)
	line("ports", strings.Join(l.ExposedPorts, " "))
	line("volumes", strings.Join(l.Volumes, " "))
}

// quoted writes words so that one can tell where each ends.
func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if out[i] = w; w == "" || strings.ContainsAny(w, " \t\n'\"\\$") {
			out[i] = quote(w)
		}
	}
	return strings.Join(out, " ")
}

type configOptions struct {
	Platform string `long:"platform" value-name:"OS/ARCH[/VARIANT]" unquote:"false" description:"the image for another platform than this host's"`
	jsonOption
	helpOption
}

// showConfig is "lichen image config": the configuration as the image has it,
// then, as comments, what a launch takes from it; with --json both, in one
// object.
func showConfig(ctx context.Context, u *ui, o *configOptions, refs []string) int {
	s, err := openStore()
	if err != nil {
		return u.fail(err)
	}
	platform := o.Platform
	if platform == "" {
		platform = oci.Host().String()
	}
	found, err := stored(s, refs[0], platform)
	if err != nil {
		return u.fail(err)
	}
	img, err := pull.Load(s, found[0].Record)
	if err != nil {
		return u.fail(err)
	}
	gives := launchOf(found[0].Record)
	if o.JSON {
		return u.printJSON(map[string]any{"config": json.RawMessage(img.RawConfig), "launch": gives})
	}
	if code := u.printJSON(json.RawMessage(img.RawConfig)); code != exitOK {
		return code
	}
	var b strings.Builder
	gives.lines(func(name, value string) {
		if value != "" {
			b.WriteString("# " + pad(name, 9) + printable(value) + "\n")
		}
	})
	return u.print("\n# what a profile gets from it, where it says nothing itself:\n" + b.String())
}
