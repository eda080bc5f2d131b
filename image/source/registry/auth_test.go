package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/spec"
)

// logins writes a docker config with one entry for a host.
func logins(t *testing.T, host, entry string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(`{"auths":{%q:%s}}`, host, entry)), 0o600); err != nil {
		t.Fatal(err)
	}
	return &config.Config{Auth: config.Auth{Files: []string{file}}, UserAgent: "lichen/test"}
}

const alice = `{"auth":"YWxpY2U6c2VjcmV0"}` // alice:secret

var aliceBasic = "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:secret"))

// tokens is a registry with a token service beside it, on another port.
type tokens struct {
	registry, service *server
	mu                sync.Mutex
	valid             string // the token that the registry takes now
	issued            int
	asked             []url.Values
	credentials       []string // what the service was shown
	uses              int      // of the valid token, until it expires; 0 is for ever
	left              int
}

func newTokens(t *testing.T, uses int, answer http.HandlerFunc) *tokens {
	s := &tokens{uses: uses}
	s.service = serve(t, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r.ParseForm()
		s.asked = append(s.asked, r.Form)
		s.credentials = append(s.credentials, r.Header.Get("Authorization"))
		s.issued++
		s.valid, s.left = fmt.Sprintf("token-%d", s.issued), s.uses
		json.NewEncoder(w).Encode(map[string]any{"access_token": s.valid, "expires_in": 60})
	})
	s.registry = serve(t, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		ok := s.valid != "" && r.Header.Get("Authorization") == "Bearer "+s.valid && (s.uses == 0 || s.left > 0)
		s.left--
		s.mu.Unlock()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Negotiate, Bearer realm="`+s.service.URL+`/token",service="the registry",scope="repository:team/app:pull"`)
			w.WriteHeader(401)
			return
		}
		answer(w, r)
	})
	return s
}

func TestToken(t *testing.T) {
	raw := image()
	s := newTokens(t, 0, func(w http.ResponseWriter, r *http.Request) { sendManifest(w, raw) })
	r := s.registry.client(t, logins(t, s.registry.host(), alice))
	for range 3 {
		got, _, err := r.Manifest(context.Background(), "latest")
		wantBytes(t, got, err, raw)
	}
	if s.issued != 1 || s.credentials[0] != aliceBasic {
		t.Errorf("%d tokens, by %q", s.issued, s.credentials)
	}
	want := url.Values{"service": {"the registry"}, "scope": {"repository:team/app:pull"}}
	if !reflect.DeepEqual(s.asked[0], want) {
		t.Errorf("asked for %v", s.asked[0])
	}
}

func TestTokenAnonymous(t *testing.T) {
	raw := image()
	s := newTokens(t, 0, func(w http.ResponseWriter, r *http.Request) { sendManifest(w, raw) })
	got, _, err := s.registry.client(t, nil).Manifest(context.Background(), "latest")
	wantBytes(t, got, err, raw)
	if s.credentials[0] != "" {
		t.Errorf("the service was shown %q", s.credentials)
	}
}

func TestIdentityToken(t *testing.T) {
	raw := image()
	s := newTokens(t, 0, func(w http.ResponseWriter, r *http.Request) { sendManifest(w, raw) })
	r := s.registry.client(t, logins(t, s.registry.host(), `{"identitytoken":"refresh-me"}`))
	got, _, err := r.Manifest(context.Background(), "latest")
	wantBytes(t, got, err, raw)
	if v := s.asked[0]; v.Get("grant_type") != "refresh_token" || v.Get("refresh_token") != "refresh-me" || s.credentials[0] != "" {
		t.Errorf("asked for %v by %q", v, s.credentials)
	}
}

func TestRegistryToken(t *testing.T) {
	raw := image()
	s := newTokens(t, 0, func(w http.ResponseWriter, r *http.Request) { sendManifest(w, raw) })
	s.valid = "given"
	r := s.registry.client(t, logins(t, s.registry.host(), `{"registrytoken":"given"}`))
	got, _, err := r.Manifest(context.Background(), "latest")
	wantBytes(t, got, err, raw)
	if s.issued != 0 {
		t.Error("the token service was asked all the same")
	}
}

// TestTokenExpires: each token is good for one request, and the blob breaks in
// the middle; several are read at once.
func TestTokenExpires(t *testing.T) {
	b, d := noise(256 << 10)
	s := newTokens(t, 1, func(w http.ResponseWriter, r *http.Request) {
		start := 0
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start)
		if start > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(b)-1, len(b)))
			w.WriteHeader(206)
		}
		cut(w, b[start:], 100<<10)
	})
	got, err := download(s.registry.client(t, nil), d, 0)
	wantBytes(t, got, err, b)
	if s.issued != 3 {
		t.Errorf("%d tokens for three connections", s.issued)
	}
}

func TestTokenShared(t *testing.T) {
	b, d := noise(64 << 10)
	s := newTokens(t, 0, func(w http.ResponseWriter, r *http.Request) { part(w, r, b) })
	r := s.registry.client(t, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := download(r, d, 0); err != nil || len(got) != len(b) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if s.issued != 1 {
		t.Errorf("%d tokens", s.issued)
	}
}

// TestUnauthorized: a server that is never content is asked twice, not for
// ever.
func TestUnauthorized(t *testing.T) {
	var issued atomic.Int32
	token := serve(t, func(w http.ResponseWriter, r *http.Request) {
		issued.Add(1)
		w.Write([]byte(`{"token":"x"}`))
	})
	for name, header := range map[string]string{
		"bearer":         `Bearer realm="` + token.URL + `"`,
		"basic":          `Basic realm="x"`,
		"nothing":        "",
		"something else": "Negotiate",
		"malformed":      `Bearer realm="` + token.URL,
	} {
		t.Run(name, func(t *testing.T) {
			issued.Store(0)
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("WWW-Authenticate", header)
				w.WriteHeader(401)
			})
			_, _, err := s.client(t, logins(t, s.host(), alice)).Manifest(context.Background(), "latest")
			wantError(t, err, "401 Unauthorized")
			if n := len(s.seen()); n > 2 || issued.Load() > 1 {
				t.Errorf("%d requests, %d tokens", n, issued.Load())
			}
			var e *spec.Error
			if e, _ = err.(*spec.Error); e == nil || !strings.Contains(e.Hint, "config.json") {
				t.Errorf("the hint does not name the login: %+v", e)
			}
		})
	}
}

// TestBadTokens: what a token service may answer.
func TestBadTokens(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                    "no token",
		`<html>`:                "not a token",
		`{"token":"a\r\nX: y"}`: "no token",
		`{"token":"` + strings.Repeat("a", 1<<20) + `"}`: "not a token",
	} {
		service := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(body)) })
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+service.URL+`"`)
			w.WriteHeader(401)
		})
		_, _, err := s.client(t, nil).Manifest(context.Background(), "latest")
		wantError(t, err, want)
	}
}

func TestChallenges(t *testing.T) {
	for in, want := range map[string][]challenge{
		`Bearer realm="https://a/b",service="x y" , scope="a:b:c,d"`: {{"bearer", map[string]string{"realm": "https://a/b", "service": "x y", "scope": "a:b:c,d"}}},
		`Negotiate, BASIC realm=plain`:                               {{"negotiate", map[string]string{}}, {"basic", map[string]string{"realm": "plain"}}},
		`Basic realm="a \"quoted\" one"`:                             {{"basic", map[string]string{"realm": `a "quoted" one`}}},
		``:                                                           nil,
		`,,  ,`:                                                      nil,
		`Bearer realm="open`:                                         {{"bearer", map[string]string{"realm": "open"}}},
	} {
		if got := challenges([]string{in}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Bearer realm="https://a/b",service="x"`)
	f.Add(`Basic realm="\`)
	f.Add(`= "" =,`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range challenges([]string{s}) {
			if c.scheme == "" {
				t.Error("a challenge without a scheme")
			}
		}
	})
}
