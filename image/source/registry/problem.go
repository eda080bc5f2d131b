package registry

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

const maxErrorBody = 64 << 10

// errWebPage is an answer in HTML, as a proxy, a login portal or a plain web
// server gives it.
var errWebPage = errors.New("the server answered with a web page")

// problem is an answer that is not the wanted one.
type problem struct {
	status int
	after  time.Duration // Retry-After; 0 if absent
	text   string        // what the server said, quoted
	page   bool          // it said it in HTML
}

func (p *problem) Error() string {
	s := "the server answered " + strconv.Itoa(p.status)
	if name := http.StatusText(p.status); name != "" {
		s += " " + name
	}
	if p.page {
		return s + " with a web page"
	}
	if p.text != "" {
		s += ": " + p.text
	}
	return s
}

// Is makes what is not there fs.ErrNotExist.
func (p *problem) Is(target error) bool {
	return p.status == http.StatusNotFound && target == fs.ErrNotExist
}

// problemOf reads an error of the form of the distribution specification.
func problemOf(resp *http.Response) error {
	p := &problem{status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // half a text is better than none
	if p.page = isWebPage(resp, body); p.page {
		return p
	}
	var said struct {
		Errors []struct{ Code, Message string }
	}
	if json.Unmarshal(body, &said) == nil && len(said.Errors) > 0 {
		first := said.Errors[0]
		if p.text = first.Message; p.text == "" {
			p.text = first.Code
		}
	}
	if p.text != "" {
		p.text = oci.Quote(p.text)
	}
	return p
}

func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < 1e6 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func isWebPage(resp *http.Response, body []byte) bool {
	t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // "" when malformed
	if t == "text/html" || t == "application/xhtml+xml" {
		return true
	}
	start := bytes.ToLower(bytes.TrimLeft(body[:min(len(body), 512)], "\ufeff \t\r\n"))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// drain keeps the start of a body in memory and gives its connection back.
func drain(resp *http.Response) {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // half a text is better than none
	resp.Body.Close()                                              // only read from
	resp.Body = io.NopCloser(bytes.NewReader(body))
}

// noTLS reports whether a server answered to TLS in another language. Package
// net/http knows only answers that are HTTP themselves.
func noTLS(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

// describe turns a failure into the error that a user reads.
func describe(err error, op, object string, e *endpoint) error {
	if err == nil {
		return nil
	}
	var done *spec.Error
	if errors.As(err, &done) {
		return done // also out of what package net wraps around the failure of an upload's source
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // its text holds the whole URL, signatures included
	}
	out := &spec.Error{Op: op, Object: object, Err: err}
	if e.Mirror || e.address != e.Host {
		out.Object += " at " + e.address
	}
	var p *problem
	switch {
	case errors.Is(err, errWebPage), errors.As(err, &p) && p.page:
		out.Hint = "is " + e.Host + " a registry?"
	case noTLS(err):
		out.Err = oci.Reason("the server does not speak TLS, but plain http perhaps", err)
		out.Hint = `if that is meant, write http = true below [registry."` + e.Host + `"] in registries.toml`
	case p != nil && (p.status == http.StatusUnauthorized || p.status == http.StatusForbidden):
		out.Hint = e.auth.hint(e.Host)
	}
	if strings.ContainsAny(err.Error(), "\n\r\x1b") {
		out.Err = oci.Reason(oci.Quote(err.Error()), err)
	}
	return out
}
