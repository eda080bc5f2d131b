package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// Blob reads a blob from offset on. A connection that breaks or stalls is made
// again, from where it broke. The bytes are at most as many as the descriptor
// says; their digest is not checked. The urls of a foreign layer are never
// asked: it is read from the registry or not at all.
func (r *Registry) Blob(ctx context.Context, d oci.Descriptor, offset int64) (io.ReadCloser, error) {
	object := r.name + "@" + d.Digest
	if err := oci.CheckDigest(d.Digest); err != nil {
		return nil, oci.Fail("read blob", r.name, err)
	}
	if offset < 0 || offset > d.Size {
		return nil, oci.Fail("read blob", object, oci.Reason("there is no offset "+strconv.FormatInt(offset, 10)+" in "+strconv.FormatInt(d.Size, 10)+" bytes", nil))
	}
	b := &blobReader{ctx: ctx, r: r, d: d, object: object, offset: offset}
	if offset < d.Size {
		if err := b.connect(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// blobReader is one download over as many connections as it takes.
type blobReader struct {
	ctx      context.Context
	r        *Registry
	d        oci.Descriptor
	object   string
	endpoint *endpoint // of body
	body     io.ReadCloser
	sized    bool  // the server announced the right number of bytes
	skip     int64 // bytes of body that were read before
	offset   int64 // of the next byte
	since    int64 // bytes of this connection
	failures int   // in a row, of connections without progress
	all      int   // connections that broke
	err      error
}

func (b *blobReader) Read(p []byte) (int, error) {
	for b.err == nil && b.offset < b.d.Size {
		if b.skip > 0 {
			n, err := io.CopyN(io.Discard, b.body, b.skip)
			if b.skip -= n; err != nil {
				b.err = b.again(err)
				continue
			}
		}
		if left := b.d.Size - b.offset; int64(len(p)) > left {
			p = p[:left]
		}
		n, err := b.body.Read(p)
		b.offset += int64(n)
		b.since += int64(n)
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if err != nil {
			b.err = b.again(err)
		}
	}
	if b.err == nil {
		b.err = b.end()
	}
	return 0, b.err
}

// again makes a new connection after a failure, unless there were too many.
func (b *blobReader) again(err error) error {
	b.body.Close() // only read from
	if err == io.EOF {
		err = oci.Reason("ended after "+strconv.FormatInt(b.offset, 10)+" of "+strconv.FormatInt(b.d.Size, 10)+" bytes", io.ErrUnexpectedEOF)
	}
	// A server that gives a few bytes each time must not keep us for ever.
	if b.since >= max(1, min(b.r.tune.progress, b.d.Size/64)) {
		b.failures = 0
	} else {
		b.failures++
	}
	b.all++
	if b.endpoint.Mirror && b.failures > b.r.tune.attempts/2 {
		b.endpoint.down.Store(true) // what lies behind the mirror may do better
		b.failures = 0
	}
	if b.failures >= b.r.tune.attempts || b.all > b.r.tune.reconnects || b.ctx.Err() != nil {
		return describe(err, "read blob", b.object, b.endpoint)
	}
	if b.failures > 0 {
		if err := sleep(b.ctx, b.r.tune.backoff(b.failures)); err != nil {
			return err
		}
	}
	return b.connect()
}

// connect asks for the rest of the blob.
func (b *blobReader) connect() error {
	b.since = 0
	return b.r.each(b.ctx, func(e *endpoint) error {
		b.endpoint = e
		body, start, sized, err := e.blob(b.ctx, b.d, b.offset)
		b.body, b.skip, b.sized = body, b.offset-start, sized
		if errors.Is(err, fs.ErrNotExist) && oci.IsForeign(b.d.MediaType) {
			err = oci.Reason("the registry does not hold this foreign layer, and lichen fetches from no other place", err)
		}
		return describe(err, "read blob", b.object, e)
	})
}

// end comes after the last byte. A server that announced the right size has no
// more; another one is given the chance to be caught.
func (b *blobReader) end() error {
	if b.body == nil || b.sized {
		return io.EOF
	}
	var one [1]byte
	if n, _ := io.ReadFull(b.body, one[:]); n > 0 { // an error here means that there is no more
		return describe(oci.Reason("the server sends more than the "+strconv.FormatInt(b.d.Size, 10)+" bytes that the manifest says", nil), "read blob", b.object, b.endpoint)
	}
	return io.EOF
}

func (b *blobReader) Close() error {
	if b.err == nil {
		b.err = fs.ErrClosed
	}
	if b.body == nil {
		return nil
	}
	return b.body.Close()
}

// blob asks for the bytes from offset on. It returns where the answer begins (a
// server that knows no ranges sends all of it), and whether the server
// announced exactly as many bytes as there should be.
func (e *endpoint) blob(ctx context.Context, d oci.Descriptor, offset int64) (body io.ReadCloser, start int64, sized bool, err error) {
	resp, err := e.do(ctx, func(ctx context.Context) (*http.Request, error) {
		req, err := e.request(ctx, http.MethodGet, "blobs/"+d.Digest, nil)
		if err == nil && offset > 0 {
			req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
		}
		return req, err
	}, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return nil, 0, false, err
	}
	fail := func(err error) (io.ReadCloser, int64, bool, error) {
		resp.Body.Close() // only read from
		return nil, 0, false, err
	}
	if resp.StatusCode == http.StatusPartialContent {
		if start, err = rangeStart(resp, offset); err != nil {
			return fail(err)
		}
	}
	rest := d.Size - start
	switch n := resp.ContentLength; {
	case n > rest, n >= 0 && n < rest && resp.StatusCode == http.StatusOK:
		if page, _ := io.ReadAll(io.LimitReader(resp.Body, 512)); isWebPage(resp, page) { // a hint, no more
			return fail(errWebPage)
		}
		return fail(oci.Reason("the server has "+strconv.FormatInt(n, 10)+" bytes where the manifest says "+strconv.FormatInt(rest, 10), nil))
	}
	return resp.Body, start, resp.ContentLength == rest, nil
}

// rangeStart returns where the answer to a range begins.
func rangeStart(resp *http.Response, offset int64) (int64, error) {
	header := resp.Header.Get("Content-Range")
	var first, last int64
	if _, err := fmt.Sscanf(header, "bytes %d-%d/", &first, &last); err != nil || first != offset || last < first {
		return 0, refuse("the server was asked for the bytes from " + strconv.FormatInt(offset, 10) + " on and sent the range " + oci.Quote(header))
	}
	return first, nil
}
