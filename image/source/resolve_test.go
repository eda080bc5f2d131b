package source

import (
	"context"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

func TestResolve(t *testing.T) {
	s := newStore()
	multi := s.multi()
	outer := s.putJSON(oci.TypeIndex, doc{"schemaVersion": 2, "manifests": []Descriptor{multi}})
	s.tags["outer"] = outer.Digest
	for _, name := range []string{"host.test/x:multi", "host.test/x:outer", "host.test/x@" + multi.Digest, "host.test/x:nonsense@" + multi.Digest} {
		img, err := Resolve(context.Background(), s, parse(t, name), "linux/arm64")
		if err != nil {
			t.Fatal(name, err)
		}
		if img.Platform.Architecture != "arm64" || len(img.Layers) != len(img.DiffIDs) || img.Descriptor.Digest != oci.Digest(img.Manifest) ||
			img.ConfigDescriptor.Digest != oci.Digest(img.Config) || img.Parsed.Config.Cmd[0] != "/bin/sh" || img.Descriptor.MediaType != oci.TypeManifest {
			t.Errorf("%s: %+v", name, img)
		}
	}
	_, err := Resolve(context.Background(), s, parse(t, "host.test/x:multi"), "linux/riscv64")
	if err == nil || err.Error() != "resolve host.test/x:multi: there is no image for linux/riscv64; the platforms are: linux/amd64, linux/arm64" {
		t.Errorf("a platform that is not there: %v", err)
	}
	if _, err := Resolve(context.Background(), s, parse(t, "host.test/x:multi"), "nonsense"); err == nil {
		t.Error("a platform that is none was taken")
	}
}

// TestResolveRefused has an image for each lie.
func TestResolveRefused(t *testing.T) {
	config := func(n int) doc {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = oci.Digest(nil)
		}
		return doc{"os": "linux", "architecture": "amd64", "rootfs": doc{"type": "layers", "diff_ids": ids}}
	}
	image := func(s *store, c Descriptor, layers ...Descriptor) Descriptor {
		return s.putJSON(oci.TypeManifest, doc{"schemaVersion": 2, "mediaType": oci.TypeManifest, "config": c, "layers": append([]Descriptor{}, layers...)})
	}
	index := func(s *store, list ...Descriptor) Descriptor {
		return s.putJSON(oci.TypeIndex, doc{"schemaVersion": 2, "mediaType": oci.TypeIndex, "manifests": list})
	}
	for _, test := range []struct {
		name string
		make func(s *store) Descriptor
		want string
	}{
		{"indexes in indexes", func(s *store) Descriptor {
			d := image(s, s.putJSON(oci.TypeConfig, config(0)))
			for range oci.MaxDepth + 1 {
				d = index(s, d)
			}
			return d
		}, "nested more than 4 deep"},
		{"index that holds itself", func(s *store) Descriptor {
			d := index(s, Descriptor{MediaType: oci.TypeIndex, Digest: oci.Digest([]byte("loop")), Size: 4})
			s.blobs[oci.Digest([]byte("loop"))] = s.blobs[d.Digest]
			return d
		}, "bytes where the index says 4"},
		{"entry of another type", func(s *store) Descriptor {
			d := image(s, s.putJSON(oci.TypeConfig, config(0)))
			d.MediaType = oci.TypeIndex
			return index(s, d)
		}, "CVE-2021-41190"},
		{"entry that the server calls another type", func(s *store) Descriptor {
			d := image(s, s.putJSON(oci.TypeConfig, config(0)))
			s.types[d.Digest] = oci.TypeDockerManifest
			return index(s, d)
		}, "CVE-2021-41190"},
		{"entry of another size", func(s *store) Descriptor {
			d := image(s, s.putJSON(oci.TypeConfig, config(0)))
			d.Size++
			return index(s, d)
		}, "where the index says"},
		{"only attestations", func(s *store) Descriptor {
			d := image(s, s.putJSON(oci.TypeConfig, config(0)))
			d.Platform = &oci.Platform{OS: "unknown", Architecture: "unknown"}
			return index(s, d)
		}, "the platforms are: none"},
		{"artifact", func(s *store) Descriptor {
			return image(s, s.put("application/vnd.cncf.helm.config.v1+json", []byte("{}")))
		}, "no container image"},
		{"config is another", func(s *store) Descriptor {
			c := s.putJSON(oci.TypeConfig, config(0))
			s.blobs[c.Digest] = []byte(strings.Replace(string(s.blobs[c.Digest]), "amd64", "AMD64", 1))
			return image(s, c)
		}, "the content has the digest"},
		{"config is longer", func(s *store) Descriptor {
			c := s.putJSON(oci.TypeConfig, config(0))
			s.blobs[c.Digest] = append(s.blobs[c.Digest], ' ')
			return image(s, c)
		}, "more than the"},
		{"config is huge", func(s *store) Descriptor {
			return image(s, Descriptor{MediaType: oci.TypeConfig, Digest: oci.Digest(nil), Size: oci.MaxConfig + 1})
		}, "more than 4194304"},
		{"layers without diffIDs", func(s *store) Descriptor {
			return image(s, s.putJSON(oci.TypeConfig, config(1)), s.put(oci.TypeLayer, nil), s.put(oci.TypeLayer, nil))
		}, "2 layers, but its config names 1"},
		{"layer that is none", func(s *store) Descriptor {
			return image(s, s.putJSON(oci.TypeConfig, config(1)), s.put("application/x-virus", nil))
		}, `layer 1 is of type "application/x-virus"`},
		{"many layers", func(s *store) Descriptor {
			return image(s, s.putJSON(oci.TypeConfig, config(513)), make([]Descriptor, 513)...)
		}, "513 layers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore()
			s.tags["v1"] = test.make(s).Digest
			_, err := Resolve(context.Background(), s, parse(t, "host.test/x:v1"), "linux/amd64")
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, not %q", err, test.want)
			}
		})
	}
}
