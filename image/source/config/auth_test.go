package config

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func authOf(t *testing.T, texts ...string) *Auth {
	t.Helper()
	dir := t.TempDir()
	a := &Auth{}
	for i, text := range texts {
		file := filepath.Join(dir, string(rune('a'+i))+".json")
		if text != "" {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		a.Files = append(a.Files, file)
	}
	return a
}

func lookup(t *testing.T, a *Auth, host, repository string) string {
	t.Helper()
	c, err := a.Lookup(context.Background(), host, repository)
	if err != nil {
		t.Fatal(err)
	}
	return c.Username + "/" + c.Password + "/" + c.IdentityToken
}

func TestLookup(t *testing.T) {
	a := authOf(t, "", `{"auths":{
		"r.test/team": {"username":"team","password":"1"},
		"r.test/team/app": {"auth":"YXBwOjI="},
		"r.test": {"auth":"aG9zdDozOjQ"},
		"empty.test": {},
		"https://index.docker.io/v1/": {"auth":"aHViOjU="},
		"https://old.test/v2/": {"auth":"b2xkOjY=", "identitytoken":"refresh"}
	}, "unknown": [1]}`, `{"auths":{"r.test":{"username":"second"},"empty.test":{"username":"second"}}}`)
	for _, test := range []struct{ host, repository, want string }{
		{"r.test", "team/app", "app/2/"},
		{"r.test", "team/app/sub", "app/2/"},
		{"r.test", "team/other", "team/1/"},
		{"r.test", "teamwork", "host/3:4/"},
		{"r.test:5000", "team/app", "//"},
		{"empty.test", "x", "second//"},
		{"docker.io", "library/debian", "hub/5/"},
		{"index.docker.io", "library/debian", "hub/5/"},
		{"old.test", "x", "old/6/refresh"},
		{"nobody.test", "x", "//"},
	} {
		if got := lookup(t, a, test.host, test.repository); got != test.want {
			t.Errorf("%s/%s: %s, not %s", test.host, test.repository, got, test.want)
		}
	}
}

func TestLookupErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{`, "malformed"},
		{`[]`, "malformed"},
		{`{"auths":{"r.test":{"auth":"!"}}}`, "not base64"},
		{`{"auths":{"r.test":{"auth":"YWxpY2U="}}}`, "not USER:PASSWORD"},
		{`{"credHelpers":{"r.test":"../../bin/sh"}}`, "not a plain word"},
		{`{"credsStore":"a/b"}`, "not a plain word"},
		{`{"credsStore":"missing-for-sure"}`, "docker-credential-missing-for-sure was not found"},
	} {
		_, err := authOf(t, test.text).Lookup(context.Background(), "r.test", "x")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, not %q", test.text, err, test.want)
		}
	}
}

// TestHelper runs real programs.
func TestHelper(t *testing.T) {
	dir := t.TempDir()
	write := func(name, script string) {
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("good", `read s; [ "$1" = get ] && echo "{\"ServerURL\":\"$s\",\"Username\":\"for $s\",\"Secret\":\"pw\"}"`)
	write("token", `echo '{"Username":"<token>","Secret":"refresh"}'`)
	write("none", `echo credentials not found in native keychain; exit 1`)
	write("broken", `printf 'the keyring\nis locked'; exit 1`)
	write("odd", `echo hello`)
	write("endless", `exec cat /dev/zero`)
	ask := func(text, host string) (Credential, error) {
		a := authOf(t, text)
		a.Look = func(name string) (string, error) { return filepath.Join(dir, name), nil }
		return a.Lookup(context.Background(), host, "team/app")
	}
	for _, test := range []struct {
		text, host string
		want       Credential
	}{
		{`{"credHelpers":{"r.test":"good"},"auths":{"r.test":{"username":"file"}}}`, "r.test", Credential{Username: "for r.test", Password: "pw", Source: "docker-credential-good"}},
		{`{"credsStore":"good","auths":{"r.test":{}}}`, "r.test", Credential{Username: "for r.test", Password: "pw", Source: "docker-credential-good"}},
		{`{"credsStore":"good"}`, "docker.io", Credential{Username: "for https://index.docker.io/v1/", Password: "pw", Source: "docker-credential-good"}},
		{`{"credsStore":"token"}`, "r.test", Credential{IdentityToken: "refresh", Source: "docker-credential-token"}},
		{`{"credsStore":"none"}`, "r.test", Credential{}},
	} {
		if got, err := ask(test.text, test.host); err != nil || got != test.want {
			t.Errorf("%s: %+v %v", test.text, got, err)
		}
	}
	for name, want := range map[string]string{"broken": `"the keyring\nis locked"`, "odd": "not JSON", "endless": "docker-credential-endless"} {
		if _, err := ask(`{"credsStore":"`+name+`"}`, "r.test"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", name, err, want)
		}
	}
}

func TestNewAuth(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want []string
	}{
		{map[string]string{"HOME": "/h"}, []string{"/h/.config/containers/auth.json", "/h/.docker/config.json"}},
		{map[string]string{"HOME": "/h", "XDG_RUNTIME_DIR": "/run/u", "XDG_CONFIG_HOME": "/c", "DOCKER_CONFIG": "/d"},
			[]string{"/run/u/containers/auth.json", "/c/containers/auth.json", "/d/config.json"}},
		{map[string]string{"HOME": "/h", "REGISTRY_AUTH_FILE": "/a.json"}, []string{"/a.json"}},
		{map[string]string{}, nil},
	} {
		if got := NewAuth(env(test.env)).Files; !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: %v", test.env, got)
		}
	}
}

func TestAuthFileIsNoPipe(t *testing.T) {
	a := &Auth{Files: []string{os.DevNull}}
	if _, err := a.Lookup(context.Background(), "r.test", "x"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}

func FuzzAuth(f *testing.F) {
	f.Add([]byte(`{"auths":{"r.test":{"auth":"YTpi"}},"credHelpers":{"a":"b"}}`))
	f.Add([]byte(`{"auths":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := parseAuth(raw)
		if err != nil {
			return
		}
		a := Auth{Look: func(string) (string, error) { return "", os.ErrNotExist }}
		a.fromFile(context.Background(), file, "r.test", "a/b")
		parseHelper(raw, "x")
	})
}
