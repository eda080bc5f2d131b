package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// chunkSize is that of the pieces of an upload to a server that refuses it
// whole, as proxies with a limit on bodies do.
const chunkSize = 16 << 20

func (r *Registry) own() *endpoint { return r.endpoints[len(r.endpoints)-1] }

// PutBlob uploads a blob unless the registry has it.
func (r *Registry) PutBlob(ctx context.Context, d oci.Descriptor, open func() (io.ReadCloser, error)) error {
	e := r.own()
	object := r.name + "@" + d.Digest
	if there, err := e.has(ctx, d); there || err != nil {
		return describe(err, "write blob", object, e)
	}
	whole := true
	for attempt := 1; ; attempt++ {
		err := e.upload(ctx, d, open, whole)
		var p *problem
		if errors.As(err, &p) && p.status == http.StatusRequestEntityTooLarge && whole {
			whole = false
			continue
		}
		if err == nil {
			return nil
		}
		delay, again := e.tune.retry(err, attempt)
		if !again || ctx.Err() != nil {
			return describe(err, "write blob", object, e)
		}
		if err := sleep(ctx, delay); err != nil {
			return err
		}
	}
}

// has asks whether a blob is there already.
func (e *endpoint) has(ctx context.Context, d oci.Descriptor) (bool, error) {
	resp, err := e.do(ctx, func(ctx context.Context) (*http.Request, error) {
		return e.request(ctx, http.MethodHead, "blobs/"+d.Digest, nil)
	}, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return false, err
	}
	resp.Body.Close() // a HEAD has no body
	return resp.StatusCode == http.StatusOK, nil
}

// MountBlob has the registry link a blob from another repository of its own.
// False means that it did not, for whatever reason: upload it.
func (r *Registry) MountBlob(ctx context.Context, d oci.Descriptor, fromHost, from string) (bool, error) {
	e := r.own()
	if fromHost != e.Host || !isRepository(from) {
		return false, nil
	}
	e.auth.want("repository:" + from + ":pull")
	resp, err := e.do(ctx, func(ctx context.Context) (*http.Request, error) {
		return e.request(ctx, http.MethodPost, "blobs/uploads/", url.Values{"mount": {d.Digest}, "from": {from}})
	}, http.StatusCreated, http.StatusAccepted)
	var p *problem
	switch {
	case errors.As(err, &p):
		return false, nil
	case err != nil:
		return false, describe(err, "write blob", r.name+"@"+d.Digest, e)
	}
	resp.Body.Close() // an upload that was begun instead times out at the server
	return resp.StatusCode == http.StatusCreated, nil
}

// upload sends a blob, in one request or in chunks.
func (e *endpoint) upload(ctx context.Context, d oci.Descriptor, open func() (io.ReadCloser, error), whole bool) error {
	resp, err := e.once(ctx, func(ctx context.Context) (*http.Request, error) {
		return e.request(ctx, http.MethodPost, "blobs/uploads/", nil)
	}, http.StatusAccepted)
	if err != nil {
		return err
	}
	resp.Body.Close() // nothing of interest in it
	to, err := e.location(resp)
	if err != nil {
		return err
	}
	if whole {
		return e.finish(ctx, to, d, open)
	}
	body, err := open()
	if err != nil {
		return err
	}
	defer body.Close() // only read from
	if to, err = e.chunks(ctx, to, d, body); err != nil {
		return err
	}
	return e.finish(ctx, to, oci.Descriptor{Digest: d.Digest}, func() (io.ReadCloser, error) { return http.NoBody, nil })
}

// chunks sends all bytes in pieces, and returns where to finish.
func (e *endpoint) chunks(ctx context.Context, to *url.URL, d oci.Descriptor, body io.Reader) (*url.URL, error) {
	piece := make([]byte, min(chunkSize, d.Size))
	for offset := int64(0); offset < d.Size; {
		n, err := io.ReadFull(body, piece[:min(int64(len(piece)), d.Size-offset)])
		if err != nil {
			return nil, err
		}
		resp, err := e.once(ctx, func(ctx context.Context) (*http.Request, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodPatch, to.String(), bytes.NewReader(piece[:n]))
			if err == nil {
				req.Header.Set("Content-Type", oci.TypeOctets)
				req.Header.Set("Content-Range", strconv.FormatInt(offset, 10)+"-"+strconv.FormatInt(offset+int64(n)-1, 10))
			}
			return req, err
		}, http.StatusAccepted, http.StatusNoContent)
		if err != nil {
			return nil, err
		}
		resp.Body.Close() // nothing of interest in it
		if to, err = e.location(resp); err != nil {
			return nil, err
		}
		offset += int64(n)
	}
	return to, nil
}

// finish sends the last request of an upload, with d.Size bytes.
func (e *endpoint) finish(ctx context.Context, to *url.URL, d oci.Descriptor, open func() (io.ReadCloser, error)) error {
	resp, err := e.once(ctx, func(ctx context.Context) (*http.Request, error) {
		u := *to
		q := u.Query()
		q.Set("digest", d.Digest)
		u.RawQuery = q.Encode()
		body, err := open()
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, u.String(), body)
		if err != nil {
			body.Close() // only read from
			return nil, err
		}
		if req.ContentLength = d.Size; d.Size == 0 {
			body.Close() // only read from
			req.Body = http.NoBody
		}
		req.Header.Set("Content-Type", oci.TypeOctets)
		return req, nil
	}, http.StatusCreated, http.StatusNoContent)
	if err == nil {
		resp.Body.Close() // nothing of interest in it
	}
	return err
}

// location returns where an upload goes on. It may be another host; only the
// registry itself gets the login.
func (e *endpoint) location(resp *http.Response) (*url.URL, error) {
	u, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, refuse("the server does not say where to upload: " + oci.Quote(resp.Header.Get("Location")))
	}
	return u, e.mayFollow(u)
}

// PutManifest stores a manifest by its digest.
func (r *Registry) PutManifest(ctx context.Context, raw []byte, mediaType string) error {
	return r.putManifest(ctx, raw, mediaType, oci.Digest(raw), "@")
}

// Publish stores the outermost manifest under a tag, or by its digest.
func (r *Registry) Publish(ctx context.Context, raw []byte, mediaType, tag string) error {
	if tag == "" {
		return r.PutManifest(ctx, raw, mediaType)
	}
	if !isTag(tag) {
		return oci.Fail("write manifest", r.name, oci.Reason(oci.Quote(tag)+" is not a tag", nil))
	}
	return r.putManifest(ctx, raw, mediaType, tag, ":")
}

func (r *Registry) putManifest(ctx context.Context, raw []byte, mediaType, name, sep string) error {
	e := r.own()
	resp, err := e.do(ctx, func(ctx context.Context) (*http.Request, error) {
		req, err := e.request(ctx, http.MethodPut, "manifests/"+name, nil)
		if err == nil {
			req.Body = io.NopCloser(bytes.NewReader(raw))
			req.ContentLength = int64(len(raw))
			req.Header.Set("Content-Type", mediaType)
		}
		return req, err
	}, http.StatusCreated, http.StatusOK, http.StatusNoContent)
	if err == nil {
		resp.Body.Close() // nothing of interest in it
		if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != oci.Digest(raw) {
			err = oci.Reason("the server stored it with another digest: "+oci.Quote(got), nil)
		}
	}
	return describe(err, "write manifest", r.name+sep+name, e)
}
