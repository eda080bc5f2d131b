package registry

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

const (
	maxHeader    = 64 << 10 // bytes of a response header
	maxRedirects = 8
	dialTimeout  = 20 * time.Second
)

func newTransport(r *config.Registry, tune *tuning) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  tune.header,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: r.SkipVerify},
	}
	if r.CA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(r.CA)
	if err != nil {
		return nil, &spec.Error{Op: "read ca", Object: oci.Quote(r.CA), Err: oci.PathReason(err), Origin: r.Origin}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // the given file must do
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &spec.Error{Op: "read ca", Object: oci.Quote(r.CA), Reason: "no PEM certificate in it", Origin: r.Origin}
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// checkRedirect lets registries send clients to their storage. The login stays
// behind: package net/http would send it along to a subdomain and to another
// port of the same host.
func (e *endpoint) checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects {
		return refuse("the server redirects without end")
	}
	if err := e.mayFollow(req.URL); err != nil {
		return err
	}
	if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		if req.Method == http.MethodPost && req.Body != nil && req.Body != http.NoBody {
			return refuse("the server leads to " + oci.Quote(req.URL.Redacted()) + ", which would be sent the login") // a refresh token is in the body; see 307 in net/http
		}
		req.Header.Del("Authorization")
	}
	req.Header.Del("Referer") // it may hold a signed URL
	return nil
}

// mayFollow decides whether an address that a server names is one to ask: not
// in the clear when the registry is not, not a link-local address (the
// metadata service of a cloud), not this machine unless the registry is.
// Addresses behind names are not looked at: with a proxy they are not known.
func (e *endpoint) mayFollow(u *url.URL) error {
	scheme, _ := e.speaks()
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	isIP := err == nil
	ip = ip.Unmap()
	switch {
	case u.Scheme != "https" && u.Scheme != "http", host == "":
		return refuse("the server names " + oci.Quote(u.Redacted()) + ", which is not an address of the web")
	case u.Scheme == "http" && scheme != "http":
		return refuse("the server leads from https to " + oci.Quote(u.Redacted()))
	case isIP && (ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()):
		return refuse("the server leads to the link-local address " + host)
	case !e.Loopback && config.IsLoopback(host):
		return refuse("the server leads to this machine: " + oci.Quote(u.Redacted()))
	}
	return nil
}
