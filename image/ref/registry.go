package ref

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// The registry of names that have none, and what its web API is called.
const (
	hub      = "docker.io"
	hubIndex = "index.docker.io"
)

// parseRegistry reads [HOST/]NAME[:TAG][@DIGEST] by the grammar of
// distribution/reference, which is what registries hold names to.
func parseRegistry(s string) (r Ref, reason string) {
	name, digest, digested := strings.Cut(s, "@")
	if digested {
		if reason = digestReason(digest); reason != "" {
			return Ref{}, reason
		}
		r.Digest = digest
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, r.Tag = name[:i], name[i+1:]
		if reason = tagReason(r.Tag); reason != "" {
			return Ref{}, reason
		}
	} else if !digested {
		r.Tag = "latest"
	}
	r.Registry, r.Repository = hub, name
	if host, rest, ok := strings.Cut(name, "/"); ok && (host == "localhost" || strings.ContainsAny(host, ".:")) {
		if reason = hostReason(host); reason != "" {
			return Ref{}, reason
		}
		// A host's name has no case (RFC 4343).
		r.Registry, r.Repository = strings.ToLower(host), rest
		if r.Registry == hubIndex {
			r.Registry = hub
		}
	}
	if reason = repositoryReason(r.Repository); reason != "" {
		return Ref{}, reason
	}
	if r.Registry == hub && !strings.Contains(r.Repository, "/") {
		if digestReason("sha256:"+r.Repository) == "" {
			return Ref{}, "a bare image id names no image; a digest is written NAME@sha256:HEX"
		}
		r.Repository = "library/" + r.Repository
	}
	if len(r.Registry)+1+len(r.Repository) > 255 {
		return Ref{}, "the name is longer than 255 bytes"
	}
	return r, ""
}

// CheckDigest returns nil if s is "sha256:" and 64 lower-case hex digits, and
// else an error, a *spec.Error, that says what it lacks.
func CheckDigest(s string) error {
	reason := digestReason(s)
	if reason == "" {
		return nil
	}
	if len(s) > 150 {
		s = s[:150]
	}
	return &spec.Error{Op: "digest", Object: strconv.Quote(s), Reason: reason}
}

func digestReason(s string) string {
	algorithm, hex, ok := strings.Cut(s, ":")
	switch {
	case !ok:
		return "a digest is sha256: and 64 hex digits"
	case algorithm != "sha256":
		return "digests by " + strconv.Quote(algorithm[:min(len(algorithm), 32)]) + " are not read, only by sha256"
	case len(hex) != 64:
		return "a sha256 digest has 64 hex digits, not " + strconv.Itoa(len(hex))
	}
	for i := range len(hex) {
		if c := hex[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return "a digest is written in lower-case hex digits"
		}
	}
	return ""
}

func tagReason(tag string) string {
	switch {
	case tag == "":
		return "there is no tag after the colon"
	case len(tag) > 128:
		return "a tag has at most 128 characters"
	case !isAlnum(tag[0]) && tag[0] != '_':
		return "a tag begins with a letter, a digit or _"
	}
	for i := range len(tag) {
		if c := tag[i]; !isAlnum(c) && c != '_' && c != '.' && c != '-' {
			return "a tag cannot hold " + quoteAt(tag, i)
		}
	}
	return ""
}

// repositoryReason holds a name to components of [a-z0-9]+, joined inside by
// ".", "_", "__" or any number of "-", and to each other by "/".
func repositoryReason(name string) string {
	if name == "" {
		return "it names no repository"
	}
	for component := range strings.SplitSeq(name, "/") {
		if component == "" {
			return "there is nothing between two slashes, or before or after one"
		}
		for i := 0; i < len(component); {
			if c := component[i]; isLower(c) || isDigit(c) {
				i++
				continue
			} else if isUpper(c) {
				return "a repository's name is in lower case"
			} else if c != '.' && c != '_' && c != '-' {
				return "a repository's name cannot hold " + quoteAt(component, i)
			}
			n := 1
			for i+n < len(component) && component[i+n] == component[i] {
				n++
			}
			next := i + n
			if i == 0 || next == len(component) || component[i] == '.' && n > 1 || component[i] == '_' && n > 2 || !isAlnum(component[next]) {
				return "a repository's name cannot hold " + strconv.Quote(component[max(i-1, 0):min(next+1, len(component))]) + " there"
			}
			i = next
		}
	}
	return ""
}

// hostReason holds a registry to a DNS name or an IP address, with an optional
// port.
func hostReason(host string) string {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name, port = host[:i], host[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
			return "the registry's port is a number from 1 to 65535, not " + strconv.Quote(port)
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if !ok || strings.Count(inner, ":") < 2 || strings.Trim(inner, "0123456789abcdefABCDEF:.") != "" {
			return "bad IPv6 address " + strconv.Quote(name) + " of a registry"
		}
		return ""
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "bad name " + strconv.Quote(name) + " of a registry"
		}
		for i := range len(label) {
			if c := label[i]; !isAlnum(c) && c != '-' {
				return "the name of a registry cannot hold " + quoteAt(label, i)
			}
		}
	}
	return ""
}

// quoteAt quotes the character that begins at s[i].
func quoteAt(s string, i int) string {
	for _, c := range s[i:] {
		return strconv.Quote(string(c))
	}
	return ""
}
