package config

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// maxAuthFile bounds a login file in bytes.
const maxAuthFile = 1 << 20

// Auth finds logins in the files that docker and podman keep.
type Auth struct {
	Files []string                          // asked in this order
	Look  func(name string) (string, error) // finds a credential helper; nil is $PATH
}

// NewAuth returns the files that docker and podman would ask: the one of
// $REGISTRY_AUTH_FILE alone, or podman's and then docker's.
func NewAuth(getenv func(string) string) Auth {
	if file := getenv("REGISTRY_AUTH_FILE"); file != "" {
		return Auth{Files: []string{file}}
	}
	var a Auth
	add := func(dir, file string) {
		if filepath.IsAbs(dir) {
			a.Files = append(a.Files, filepath.Join(dir, file))
		}
	}
	add(getenv("XDG_RUNTIME_DIR"), "containers/auth.json")
	home := getenv("HOME")
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		add(dir, "containers/auth.json")
	} else {
		add(home, ".config/containers/auth.json")
	}
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		add(dir, "config.json")
	} else {
		add(home, ".docker/config.json")
	}
	return a
}

// authFile is config.json of docker and auth.json of podman.
type authFile struct {
	Auths       map[string]authEntry `json:"auths"`
	CredsStore  string               `json:"credsStore"`
	CredHelpers map[string]string    `json:"credHelpers"`
}

type authEntry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// Lookup returns the login for a repository: that of the longest key that
// holds it, in the first file that has one. No login is no error.
func (a *Auth) Lookup(ctx context.Context, host, repository string) (Credential, error) {
	for _, file := range a.Files {
		raw, err := readFile(file, maxAuthFile)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return Credential{}, oci.Fail("read logins", file, oci.PathReason(err))
		}
		f, err := parseAuth(raw)
		if err != nil {
			return Credential{}, oci.Fail("read logins", file, err)
		}
		c, err := a.fromFile(ctx, f, host, repository)
		if err != nil {
			return Credential{}, oci.Fail("read logins", file, err)
		}
		if c != (Credential{}) {
			if c.Source == "" {
				c.Source = file
			}
			return c, nil
		}
	}
	return Credential{}, nil
}

func parseAuth(raw []byte) (*authFile, error) {
	f := &authFile{}
	if err := json.Unmarshal(raw, f); err != nil {
		return nil, oci.Reason("malformed: "+err.Error(), err)
	}
	return f, nil
}

// fromFile asks the helper of a host before the entries of the file: who has
// set one up keeps no passwords in files.
func (a *Auth) fromFile(ctx context.Context, f *authFile, host, repository string) (Credential, error) {
	keys := keysFor(host, repository)
	for _, k := range keys {
		if name := f.CredHelpers[k]; name != "" {
			return a.helper(ctx, name, k)
		}
	}
	for _, k := range keys {
		if e, ok := f.entry(k); ok {
			if c, err := e.credential(); err != nil || c != (Credential{}) {
				return c, err
			}
		}
	}
	if f.CredsStore == "" {
		return Credential{}, nil
	}
	if isHub(host) {
		host = hubServer
	}
	return a.helper(ctx, f.CredsStore, host)
}

// keysFor lists the keys under which a login may stand, the most exact first.
func keysFor(host, repository string) []string {
	if isHub(host) {
		host = hubHost
	}
	var keys []string
	for k := host + "/" + repository; ; {
		keys = append(keys, k)
		i := strings.LastIndexByte(k, '/')
		if i < 0 {
			break
		}
		k = k[:i]
	}
	if host == hubHost {
		keys = append(keys, hubServer, "index.docker.io")
	}
	return keys
}

// Docker keeps the login of docker.io under this name.
const hubHost, hubServer = "docker.io", "https://index.docker.io/v1/"

func isHub(host string) bool {
	return host == hubHost || host == "index.docker.io" || host == "registry-1.docker.io"
}

// entry finds a key, also in the forms with a scheme and a path that old
// versions of docker wrote.
func (f *authFile) entry(key string) (authEntry, bool) {
	for _, form := range []string{key, "https://" + key, "https://" + key + "/v1/", "https://" + key + "/v2/", "http://" + key} {
		if e, ok := f.Auths[form]; ok {
			return e, true
		}
	}
	return authEntry{}, false
}

func (e *authEntry) credential() (Credential, error) {
	c := Credential{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth == "" {
		return c, nil
	}
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(e.Auth), "="))
	if err != nil {
		return Credential{}, oci.Reason("an entry has an auth that is not base64", err)
	}
	user, password, ok := strings.Cut(string(text), ":")
	if !ok {
		return Credential{}, oci.Reason("an entry has an auth that is not USER:PASSWORD", nil)
	}
	c.Username, c.Password = user, strings.Trim(password, "\x00") // docker pads with NUL
	return c, nil
}

// readFile reads a file that is not a device or a pipe.
func readFile(file string, most int64) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, oci.Reason("not a regular file", nil)
	}
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(raw)) > most {
		return nil, oci.Reason("the file is too large", nil)
	}
	return raw, err
}
