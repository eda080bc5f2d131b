package profile

import (
	"path"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Values of rootfs.write that are no path.
const (
	writeNone  = "none"
	writeTmpfs = "tmpfs"
)

// rootfs puts one key of [rootfs] into the Spec.
func (r *resolver) rootfs(e *entry) (err error) {
	to := &r.spec.Rootfs
	switch e.key {
	case keyImage:
		to.Image, err = r.image(e.text)
	case keyPlatform:
		to.Platform = e.text
	case keyPull:
		to.Pull = spec.PullPolicy(e.num)
	case keyIDs:
		to.IDs = spec.IDs(e.num)
	case keyEntrypoint:
		to.Entrypoint = make([]string, len(e.list))
		for i, s := range e.list {
			if to.Entrypoint[i], err = r.loader.Vars.expand(s); err != nil {
				return err
			}
		}
	case keyRootfsSize:
		to.Size = e.num
		if to.Size == 0 {
			return bad("a layer needs some room", "leave the key out for 1G")
		}
	case keyRootfsWrite:
		switch e.text {
		case writeNone:
			to.Write = spec.WriteNone
		case writeTmpfs:
			to.Write = spec.WriteTmpfs
		default:
			to.Write = spec.WriteKeep
			to.Keep, err = r.grantSource(e.text)
		}
	}
	return err
}

// image gives a reference its value. A path in one has to be absolute: what the
// working directory holds is not loaded unasked.
func (r *resolver) image(template string) (string, error) {
	ref, err := r.loader.Vars.expand(template)
	if err != nil {
		return "", err
	}
	transport, p, ok := strings.Cut(ref, ":")
	switch {
	case ref == "":
		return "", bad("the reference is empty", `write it like "debian:bookworm", "oci:/DIR", or "dir:/DIR"`)
	case ok && localTransport(transport) && !path.IsAbs(p):
		return "", badValue(ref, "has a relative path", "write the absolute path, or begin it with a variable")
	}
	return ref, nil
}

// localTransport reports whether a reference that begins with name names a
// path.
func localTransport(name string) bool {
	switch name {
	case "dir", "oci", "oci-archive", "docker-archive", "tar":
		return true
	}
	return false
}

// checkRootfs refuses keys that mean nothing together.
func (r *resolver) checkRootfs() error {
	s := &r.spec.Rootfs
	if s.Image == "" {
		for _, id := range []keyID{keyPlatform, keyPull, keyIDs, keyEntrypoint, keyRootfsWrite, keyRootfsSize} {
			if r.m.find(id) != nil {
				return r.contradiction(id, "there is no image that it could be about", "set rootfs.image, or give --image")
			}
		}
		return nil
	}
	switch {
	case r.spec.Namespaces.Isolation == spec.IsolationLandlock:
		return r.contradiction(keyImage, `isolation = "landlock" cannot enforce it: it makes no mounts`, `use isolation = "namespaces"`)
	case r.m.find(keyRootfsSize) != nil && s.Write == spec.WriteKeep:
		return r.contradiction(keyRootfsSize, "a kept layer is bounded by its file system, not by a size", "remove one of the two")
	case r.m.find(keyRootfsSize) != nil && s.Write == spec.WriteNone:
		return r.contradiction(keyRootfsSize, "the image is read-only: nothing is written", `set rootfs.write = "tmpfs", or give --write tmpfs`)
	case s.IDs == spec.IDsFake && s.Write == spec.WriteNone:
		return r.contradiction(keyIDs, `"fake" is for writing, and the image is read-only`, `set rootfs.write = "tmpfs", or give --write tmpfs`)
	}
	return nil
}

// rootfs takes the options about an image.
func (b *builder) rootfs(o *Overrides) {
	b.text(keyImage, escapeTemplate(b.imagePath(o.Image)))
	b.text(keyPlatform, o.Platform)
	b.text(keyPull, o.Pull)
	b.text(keyIDs, o.IDs)
	b.text(keyRootfsSize, o.Size)
	switch o.Write {
	case "", writeNone, writeTmpfs:
		b.text(keyRootfsWrite, o.Write)
	default:
		p, err := b.path(o.Write)
		if err == nil && !strings.Contains(o.Write, "/") {
			err = badValue(o.Write, "is neither none nor tmpfs, and no path", "a directory that keeps what is written has a slash in it: ./"+o.Write)
		}
		b.put(entry{key: keyRootfsWrite, text: p}, err)
	}
	if o.Entrypoint == nil {
		return
	}
	e := entry{key: keyEntrypoint}
	if *o.Entrypoint != "" {
		e.list = []string{escapeTemplate(*o.Entrypoint)}
	}
	b.put(e, nil)
}

// imagePath makes the path in a local reference absolute.
func (b *builder) imagePath(ref string) string {
	transport, p, ok := strings.Cut(ref, ":")
	if !ok || !localTransport(transport) || path.IsAbs(p) {
		return ref
	}
	dir, err := b.loader.Vars.dir()
	if err != nil && b.err == nil {
		b.err = place(err, "read", keys[keyImage].name, spec.CommandLine)
	}
	return transport + ":" + strings.TrimSuffix(dir, "/") + "/" + strings.TrimPrefix(p, "./")
}
