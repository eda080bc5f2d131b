package registry

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/config"
)

// TestRealmRefused: a server does not choose freely where the login goes.
func TestRealmRefused(t *testing.T) {
	for realm, want := range map[string]string{
		"http://169.254.169.254/latest/meta-data": "link-local",
		"http://[fe80::1]/":                       "link-local",
		"ftp://host.test/":                        "not an address of the web",
		"file:///etc/passwd":                      "names no service",
		"":                                        "names no service",
		"::":                                      "names no service",
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`"`)
			w.WriteHeader(401)
		})
		_, _, err := s.client(t, logins(t, s.host(), alice)).Manifest(context.Background(), "latest")
		wantError(t, err, want)
	}
}

// TestMayFollow has the cases that need a registry elsewhere.
func TestMayFollow(t *testing.T) {
	secure := clientFor(t, nil, "registry.test", false).endpoints[0]
	plain := clientFor(t, &config.Config{Registries: map[string]*config.Registry{"plain.test": {HTTP: true}}}, "plain.test", false).endpoints[0]
	for _, test := range []struct {
		e    *endpoint
		to   string
		okay bool
	}{
		{secure, "https://storage.test/x", true},
		{secure, "http://storage.test/x", false},
		{secure, "https://10.0.0.1/x", true},
		{secure, "https://127.0.0.1/x", false},
		{secure, "https://localhost:5000/x", false},
		{secure, "https://[::1]/x", false},
		{secure, "https://[::ffff:169.254.169.254]/x", false},
		{secure, "https://0.0.0.0/x", false},
		{secure, "unix:///run/x", false},
		{plain, "http://storage.test/x", true},
		{plain, "https://storage.test/x", true},
		{plain, "http://127.0.0.1/x", false},
	} {
		u, err := url.Parse(test.to)
		if err != nil {
			t.Fatal(err)
		}
		if err := test.e.mayFollow(u); (err == nil) != test.okay {
			t.Errorf("%s to %s: %v", test.e.Host, test.to, err)
		}
	}
}

// TestRedirectLosesLogin: storage on another host, even another port of the
// same one, gets neither password nor token, and its 401 is not answered.
func TestRedirectLosesLogin(t *testing.T) {
	b, d := noise(10 << 10)
	var deny atomic.Bool
	thief := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"token":"x"}`)) })
	storage := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if deny.Load() {
			w.Header().Add("WWW-Authenticate", `Basic realm="give it to me"`)
			w.Header().Add("WWW-Authenticate", `Bearer realm="`+thief.URL+`"`)
			w.WriteHeader(401)
			return
		}
		part(w, r, b)
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != aliceBasic {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
			return
		}
		http.Redirect(w, r, storage.URL+"/signed?key=1", http.StatusTemporaryRedirect)
	})
	r := s.client(t, logins(t, s.host(), alice))
	got, err := download(r, d, 0)
	wantBytes(t, got, err, b)
	got, err = download(r, d, 5<<10)
	wantBytes(t, got, err, b[5<<10:])
	deny.Store(true)
	_, err = download(r, d, 0)
	wantError(t, err, "401")
	if len(thief.seen()) != 0 {
		t.Error("the storage's token service was asked")
	}
	for _, req := range storage.seen() {
		if h := req.Header.Get("Authorization") + req.Header.Get("Referer"); h != "" {
			t.Errorf("the storage was shown %q", h)
		}
	}
	if n := len(storage.seen()); n != 3 {
		t.Errorf("%d requests to the storage", n)
	}
}

// TestSignedURL: an address with a signature in it is not for error messages.
func TestSignedURL(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/signed?key=1", http.StatusTemporaryRedirect)
	})
	_, d := noise(10)
	_, err := download(s.client(t, nil), d, 0)
	wantError(t, err, "connection refused")
	if strings.Contains(err.Error(), "key=1") {
		t.Errorf("a signed URL in %v", err)
	}
}

// TestRedirectLosesRefreshToken: a token service cannot have the refresh token,
// which is in the body of a POST, sent on to another host.
func TestRedirectLosesRefreshToken(t *testing.T) {
	thief := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"token":"x"}`)) })
	service := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+"/token", http.StatusTemporaryRedirect)
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+service.URL+`/token",service="x"`)
		w.WriteHeader(401)
	})
	_, _, err := s.client(t, logins(t, s.host(), `{"identitytoken":"refresh-me"}`)).Manifest(context.Background(), "latest")
	wantError(t, err, "which would be sent the login")
	if n := len(service.seen()); n == 0 {
		t.Error("the token service was not asked")
	}
	if n := len(thief.seen()); n != 0 {
		t.Errorf("%d requests to the other host", n)
	}
}
