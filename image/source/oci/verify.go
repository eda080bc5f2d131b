package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strconv"
)

// Verify returns a reader of the same bytes that ends in an error unless they
// are what the descriptor says. It never gives more than d.Size bytes.
func Verify(r io.Reader, d Descriptor) io.Reader {
	return &verifier{r: r, d: d, hash: sha256.New()}
}

type verifier struct {
	r    io.Reader
	d    Descriptor
	hash hash.Hash
	n    int64
	err  error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if v.n == v.d.Size {
		v.err = v.end()
		return 0, v.err
	}
	if left := v.d.Size - v.n; int64(len(p)) > left {
		p = p[:left]
	}
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.n += int64(n)
	if err == io.EOF {
		if err = v.check(); err == nil {
			err = io.EOF
		}
	}
	// The last bytes are held back until the digest is known: who copies them
	// sees an error before it has a whole blob.
	if err == nil && n > 0 && v.n == v.d.Size {
		err = v.end()
		if err == io.EOF {
			v.err = err
			return n, nil
		}
	}
	v.err = err
	if err != nil && err != io.EOF {
		return 0, err
	}
	return n, err
}

// end wants the underlying reader to be at its end.
func (v *verifier) end() error {
	var b [1]byte
	n, err := io.ReadFull(v.r, b[:])
	if n > 0 {
		return Fail("read", v.d.Digest, Reason("more than the "+strconv.FormatInt(v.d.Size, 10)+" bytes that the manifest says", nil))
	}
	if err != io.EOF {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	return io.EOF
}

func (v *verifier) check() error {
	if v.n != v.d.Size {
		return Fail("read", v.d.Digest, Reason("ended after "+strconv.FormatInt(v.n, 10)+" of "+strconv.FormatInt(v.d.Size, 10)+" bytes", io.ErrUnexpectedEOF))
	}
	if got := "sha256:" + hex.EncodeToString(v.hash.Sum(nil)); got != v.d.Digest {
		return Fail("read", v.d.Digest, Reason("the content has the digest "+got, nil))
	}
	return nil
}

// ReadAll reads a whole small blob and checks it.
func ReadAll(r io.Reader, d Descriptor, most int64) ([]byte, error) {
	if d.Size > most {
		return nil, Fail("read", d.Digest, Reason(strconv.FormatInt(d.Size, 10)+" bytes, more than "+strconv.FormatInt(most, 10), nil))
	}
	return io.ReadAll(Verify(r, d))
}
