package registry

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestTLS: certificates are verified, on this machine too, unless the
// configuration says otherwise.
func TestTLS(t *testing.T) {
	raw := image()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sendManifest(w, raw) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "https://")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(table *config.Registry) ([]byte, error) {
		c := &config.Config{Registries: map[string]*config.Registry{host: table}}
		got, _, err := clientFor(t, c, host, false).Manifest(context.Background(), "latest")
		return got, err
	}
	_, err := ask(&config.Registry{})
	wantError(t, err, "certificate")
	got, err := ask(&config.Registry{SkipVerify: true})
	wantBytes(t, got, err, raw)
	got, err = ask(&config.Registry{CA: ca})
	wantBytes(t, got, err, raw)
	_, err = ask(&config.Registry{HTTP: true})
	wantError(t, err, "400")
	for _, bad := range []string{ca + ".missing", os.DevNull} {
		c := &config.Config{Registries: map[string]*config.Registry{host: {CA: bad, Origin: spec.Origin{File: "registries.toml", Line: 3}}}}
		_, err := newRegistry(c, host, repo, false)
		wantError(t, err, "read ca", "(registries.toml:3)")
	}
}

// TestPlainHTTP: plain HTTP is for this machine, and for who asks for it.
func TestPlainHTTP(t *testing.T) {
	raw := image()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { sendManifest(w, raw) })
	r := s.client(t, nil)
	r.endpoints[0].Loopback = false
	_, _, err := r.Manifest(context.Background(), "latest")
	wantError(t, err, "the server does not speak TLS, but plain http perhaps")
	var e *spec.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "http = true") {
		t.Errorf("no hint at %v", err)
	}
	if len(s.seen()) != 0 {
		t.Error("something was asked in the clear")
	}
	c := &config.Config{Registries: map[string]*config.Registry{s.host(): {HTTP: true}}}
	r = s.client(t, c)
	r.endpoints[0].Loopback = false
	got, _, err := r.Manifest(context.Background(), "latest")
	wantBytes(t, got, err, raw)
}

func TestDockerHub(t *testing.T) {
	e := clientFor(t, nil, "docker.io", false).endpoints[0]
	req, err := e.request(context.Background(), http.MethodGet, "manifests/latest", nil)
	if err != nil || req.URL.String() != "https://registry-1.docker.io/v2/team/app/manifests/latest" {
		t.Errorf("%v %v", req.URL, err)
	}
}

// TestRefusedConnection fails at once: nobody listens, and that is known.
func TestRefusedConnection(t *testing.T) {
	r := clientFor(t, nil, "127.0.0.1:1", false)
	r.tune.base, r.tune.most = 1<<40, 1<<40 // a retry would hang
	_, _, err := r.Manifest(context.Background(), "latest")
	wantError(t, err, "connection refused")
}

// TestGarbageInsteadOfTLS: some servers answer to TLS with what is not even HTTP;
// on this machine they are asked again, in HTTP.
func TestGarbageInsteadOfTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			answer := "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
			if n, _ := c.Read(buf); n == 0 || buf[0] == 0x16 { // a handshake
				answer = "<html>what is that?</html>"
			}
			_, _ = c.Write([]byte(answer)) // the client sees what is missing
			c.Close()
		}
	}()
	_, _, err = clientFor(t, nil, l.Addr().String(), false).Manifest(context.Background(), "latest")
	wantError(t, err, "404")
}
