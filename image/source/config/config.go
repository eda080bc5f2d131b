// Package config holds how registries are reached: registries.toml, and the
// logins that docker and podman keep.
//
//	[registry."docker.io"]
//	mirrors = ["mirror.test:5000/hub"] # asked first, for pulls
//	location = "hub.test/docker.io"    # asked instead
//	ca = "/etc/lichen/hub.pem"         # trusted beside the system's
//
//	[registry."mirror.test:5000"]
//	http = true                        # plain HTTP
//
//	[registry."lab.test"]
//	skip_verify = true                 # HTTPS with any certificate
//
//	[registry."bad.test"]
//	blocked = true                     # never asked
package config

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

// Config is how registries are reached. The zero value, with an Auth that
// knows no file, reaches all of them directly and anonymously.
type Config struct {
	Registries map[string]*Registry // by HOST[:PORT]
	Auth       Auth
	UserAgent  string // "lichen/VERSION"
	// TempDir is where a compressed archive is unpacked for reading; "" is the
	// default of package os.
	TempDir string
}

// Registry is one table [registry."HOST"].
type Registry struct {
	Mirrors    []string // HOST[:PORT][/PREFIX], asked first, for pulls only
	Location   string   // HOST[:PORT][/PREFIX] to ask instead; "" is the host itself
	HTTP       bool     // plain HTTP
	SkipVerify bool     // HTTPS with any certificate
	Blocked    bool     // never asked
	CA         string   // file of PEM certificates to trust beside the system's
	Origin     spec.Origin
}

// Load reads the configuration of the user and of the system. A table of the
// user's file replaces the one of the same host in the system's.
func Load(getenv func(string) string) (*Config, error) {
	c := &Config{Registries: map[string]*Registry{}, Auth: NewAuth(getenv)}
	for _, file := range Files(getenv) {
		text, err := readFile(file, maxFile)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, oci.Fail("read", file, oci.PathReason(err))
		}
		tables, err := Parse(file, string(text))
		if err != nil {
			return nil, err
		}
		for host, r := range tables {
			if c.Registries[host] == nil {
				c.Registries[host] = r
			}
		}
	}
	return c, nil
}

// Files returns where registries.toml is looked for, the first to win.
func Files(getenv func(string) string) []string {
	var files []string
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		files = append(files, filepath.Join(dir, "lichen/registries.toml"))
	} else if home := getenv("HOME"); filepath.IsAbs(home) {
		files = append(files, filepath.Join(home, ".config/lichen/registries.toml"))
	}
	return append(files, "/etc/lichen/registries.toml")
}

// Endpoint is one server to ask for a repository.
type Endpoint struct {
	Host       string // HOST[:PORT]
	Repository string
	Registry   Registry
	Mirror     bool
	// Loopback hosts are tried with HTTPS first and plain HTTP when that is
	// what they speak, as docker does. Their certificates are verified all the
	// same.
	Loopback bool
}

// Endpoints returns whom to ask for a repository, in order: mirrors, then the
// registry itself. Pushes go to the registry alone.
func (c *Config) Endpoints(host, repository string, push bool) ([]Endpoint, error) {
	own := c.table(host)
	if own.Blocked {
		return nil, blocked(host, own)
	}
	var list []Endpoint
	if !push {
		for _, m := range own.Mirrors {
			e := c.endpoint(m, repository)
			if e.Registry.Blocked {
				return nil, blocked(e.Host, &e.Registry)
			}
			e.Mirror = true
			list = append(list, e)
		}
	}
	last := c.endpoint(host, repository)
	if own.Location != "" {
		last = c.endpoint(own.Location, repository)
		if last.Registry.Blocked {
			return nil, blocked(last.Host, &last.Registry)
		}
	}
	return append(list, last), nil
}

func (c *Config) table(host string) *Registry {
	if r := c.Registries[host]; r != nil {
		return r
	}
	return &Registry{}
}

func (c *Config) endpoint(location, repository string) Endpoint {
	host, prefix, _ := strings.Cut(location, "/")
	if prefix != "" {
		repository = prefix + "/" + repository
	}
	return Endpoint{Host: host, Repository: repository, Registry: *c.table(host), Loopback: IsLoopback(host)}
}

func blocked(host string, r *Registry) error {
	return &spec.Error{Op: "registry", Object: host, Reason: "blocked by the configuration", Origin: r.Origin}
}

// IsLoopback says whether HOST[:PORT] is this machine.
func IsLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Credential is a login. The zero value is nobody.
type Credential struct {
	Username, Password string
	IdentityToken      string // an OAuth2 refresh token
	RegistryToken      string // a bearer token as it is
	Source             string // the file or helper it is from
}

// Credential looks up who to be at an endpoint.
func (c *Config) Credential(ctx context.Context, host, repository string) (Credential, error) {
	return c.Auth.Lookup(ctx, host, repository)
}
