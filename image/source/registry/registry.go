// Package registry speaks to container registries over HTTP: manifests, blobs
// with resume, uploads, logins.
//
// The client is written here rather than taken from go-containerregistry: that
// one cannot resume a blob or notice a stalled one, takes plain HTTP from
// private addresses unasked, and refuses token services there.
package registry

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// Registry is one repository of a registry, with its mirrors. It may be used
// by several goroutines.
type Registry struct {
	name      string // HOST/REPOSITORY, as asked for
	endpoints []*endpoint
	tune      *tuning
}

// Open makes a client for pulls; nothing is asked yet.
func Open(c *config.Config, host, repository string) (*Registry, error) {
	return newRegistry(c, host, repository, false)
}

// Create makes a client for pushes; nothing is asked yet.
func Create(c *config.Config, host, repository string) (*Registry, error) {
	return newRegistry(c, host, repository, true)
}

func newRegistry(c *config.Config, host, repository string, push bool) (*Registry, error) {
	list, err := c.Endpoints(host, repository, push)
	if err != nil {
		return nil, err
	}
	tune := defaultTuning
	r := &Registry{name: host + "/" + repository, tune: &tune}
	for i := range list {
		if !isRepository(list[i].Repository) {
			return nil, oci.Fail("registry", host, oci.Reason(oci.Quote(list[i].Repository)+" is not the name of a repository", nil))
		}
		e, err := newEndpoint(c, list[i], push, r.tune)
		if err != nil {
			return nil, err
		}
		r.endpoints = append(r.endpoints, e)
	}
	return r, nil
}

// isRepository keeps what would change the meaning of a URL out of its path.
func isRepository(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			return false
		}
	}
	return len(s) <= 255
}

func isTag(s string) bool {
	const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return s != "" && len(s) <= 128 && strings.Trim(s[:1], word) == "" && strings.Trim(s, word+".-") == ""
}

// Close drops idle connections.
func (r *Registry) Close() error {
	for _, e := range r.endpoints {
		e.client.CloseIdleConnections()
	}
	return nil
}

// each asks one endpoint after the other until one has an answer. The error is
// that of the registry itself, which comes last.
func (r *Registry) each(ctx context.Context, ask func(*endpoint) error) error {
	var err error
	for i, e := range r.endpoints {
		if e.down.Load() && i < len(r.endpoints)-1 {
			continue
		}
		if err = ask(e); err == nil || ctx.Err() != nil {
			return err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			e.down.Store(true) // a mirror that failed once is not waited for again
		}
	}
	return err
}

const acceptManifests = oci.TypeIndex + ", " + oci.TypeManifest + ", " + oci.TypeDockerList + ", " + oci.TypeDockerManifest

// Manifest reads a manifest or index by tag or digest and checks its digest.
func (r *Registry) Manifest(ctx context.Context, digestOrTag string) ([]byte, oci.Descriptor, error) {
	sep := ":"
	if strings.Contains(digestOrTag, ":") {
		sep = "@"
		if err := oci.CheckDigest(digestOrTag); err != nil {
			return nil, oci.Descriptor{}, oci.Fail("read manifest", r.name, err)
		}
	} else if !isTag(digestOrTag) {
		return nil, oci.Descriptor{}, oci.Fail("read manifest", r.name, oci.Reason(oci.Quote(digestOrTag)+" is not a tag", nil))
	}
	var raw []byte
	var d oci.Descriptor
	err := r.each(ctx, func(e *endpoint) (err error) {
		raw, d, err = e.manifest(ctx, digestOrTag)
		return describe(err, "read manifest", r.name+sep+digestOrTag, e)
	})
	return raw, d, err
}

// manifest repeats the whole of a request: a manifest is not resumed.
func (e *endpoint) manifest(ctx context.Context, name string) ([]byte, oci.Descriptor, error) {
	for attempt := 1; ; attempt++ {
		raw, d, err := e.manifestOnce(ctx, name)
		delay, again := e.tune.retry(err, attempt)
		if err == nil || !again || ctx.Err() != nil {
			return raw, d, err
		}
		if err := sleep(ctx, delay); err != nil {
			return nil, d, err
		}
	}
}

func (e *endpoint) manifestOnce(ctx context.Context, name string) ([]byte, oci.Descriptor, error) {
	var d oci.Descriptor
	resp, err := e.once(ctx, func(ctx context.Context) (*http.Request, error) {
		req, err := e.request(ctx, http.MethodGet, "manifests/"+name, nil)
		if err == nil {
			req.Header.Set("Accept", acceptManifests)
		}
		return req, err
	}, http.StatusOK)
	if err != nil {
		return nil, d, err
	}
	defer resp.Body.Close() // only read from
	if resp.ContentLength > oci.MaxManifest {
		return nil, d, oci.Reason("the manifest has "+strconv.FormatInt(resp.ContentLength, 10)+" bytes, more than "+strconv.Itoa(oci.MaxManifest), nil)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, oci.MaxManifest+1))
	switch {
	case err != nil:
		return nil, d, err
	case len(raw) > oci.MaxManifest:
		return nil, d, oci.Reason("the manifest has more than "+strconv.Itoa(oci.MaxManifest)+" bytes", nil)
	case isWebPage(resp, raw):
		return nil, d, errWebPage
	}
	d, err = checkManifest(resp, raw, name)
	return raw, d, err
}

func checkManifest(resp *http.Response, raw []byte, name string) (oci.Descriptor, error) {
	d := oci.Descriptor{MediaType: mediaType(resp), Digest: oci.Digest(raw), Size: int64(len(raw))}
	if strings.Contains(name, ":") && name != d.Digest {
		reason := "the server sent a manifest with the digest " + d.Digest
		if enc := resp.Header.Get("Content-Encoding"); enc != "" {
			reason += ", in the encoding " + oci.Quote(enc) + " that nobody asked for"
		}
		return d, oci.Reason(reason, nil)
	}
	m, x, err := oci.Parse(raw, d.MediaType)
	switch {
	case err != nil:
		return d, err
	case m != nil:
		d.MediaType = m.MediaType
	default:
		d.MediaType = x.MediaType
	}
	return d, nil
}

// mediaType returns the type that a server gives for a manifest; the types
// that a server gives anything it does not know stand for none.
func mediaType(resp *http.Response) string {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || t == "text/plain" || t == "application/json" || t == oci.TypeOctets {
		return ""
	}
	return t
}
