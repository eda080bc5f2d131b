package ref

import (
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// maxWritten bounds what is looked at, in bytes: a path is at most PATH_MAX.
const maxWritten = 4096 + 512

// Parse is ParseIn for those who have no working directory: a relative path is
// an error.
func Parse(s string) (Ref, error) { return ParseIn(s, "") }

// ParseIn reads what a user wrote. cwd is an absolute path, which relative ones
// start from. Every error is a *spec.Error that quotes s.
func ParseIn(s, cwd string) (Ref, error) {
	r, reason, hint := parse(s, cwd)
	if reason == "" && len(r.FileName()) > maxFileName {
		reason = "the name is too long: it takes " + strconv.Itoa(len(r.FileName())) + " bytes as a file name, and " + strconv.Itoa(maxFileName) + " is the most"
		if r.Kind != Registry {
			hint = "a symbolic link can give it a shorter path"
		}
	}
	if reason == "" {
		return r, nil
	}
	shown := s
	if len(shown) > 300 {
		shown = shown[:300]
	}
	return Ref{}, &spec.Error{Op: "image", Object: strconv.Quote(shown), Reason: reason, Hint: hint}
}

// parse returns the reference, or why s is none and perhaps a remedy.
func parse(s, cwd string) (r Ref, reason, hint string) {
	switch {
	case s == "":
		return Ref{}, "an empty name", ""
	case len(s) > maxWritten:
		return Ref{}, "longer than a path can be", ""
	case strings.IndexFunc(s, func(c rune) bool { return c < 0x20 || c == 0x7f }) >= 0:
		return Ref{}, "it holds a control character", ""
	}
	kind, rest, reason, hint := transport(s)
	if reason != "" {
		return Ref{}, reason, hint
	}
	if kind != Registry {
		r, reason = parseLocal(kind, rest, cwd)
		return r, reason, ""
	}
	if r, reason = parseRegistry(rest); reason != "" {
		hint = otherMeaning(rest, cwd)
	}
	return r, reason, hint
}

// transports are the prefixes that say where an image lies. Those that a
// registry's image may be called too ("docker:24") are known by their "//".
var transports = [...]struct {
	prefix string
	kind   Kind
}{
	{"docker://", Registry},
	{"oci-registry://", Registry},
	{"oci-registry:", Registry},
	{layoutPrefix, Layout},
	{layoutArchivePrefix, LayoutArchive},
	{dockerArchivePrefix, DockerArchive},
	{"tar:", DockerArchive},
	{dirPrefix, Dir},
}

// refused are prefixes that other tools know, with the way round.
var refused = [...]struct{ prefix, reason, hint string }{
	{"containers-storage:", "the storage of podman and buildah is not read", "skopeo copy containers-storage:NAME oci:DIR, and then oci:DIR"},
	{"docker-daemon:", "docker's daemon is not asked", "docker save -o FILE NAME, and then docker-archive:FILE"},
	{"ostree:", "an ostree repository is not read", ""},
	{"sif:", "a singularity image is not read", ""},
	{"http://", "a registry is named without http://", "the registries file says which registries are spoken to without TLS"},
	{"https://", "a registry is named without https://", ""},
}

// transport cuts the prefix off.
func transport(s string) (kind Kind, rest, reason, hint string) {
	for _, t := range transports {
		rest, ok := strings.CutPrefix(s, t.prefix)
		if !ok {
			continue
		}
		if t.kind != Registry && strings.HasPrefix(rest, "//") {
			return 0, "", "a path comes right after " + strconv.Quote(t.prefix) + ", without \"//\"", ""
		}
		return t.kind, rest, "", ""
	}
	for _, t := range refused {
		if strings.HasPrefix(s, t.prefix) {
			return 0, "", t.reason, t.hint
		}
	}
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return 0, "", "unknown kind of place " + strconv.Quote(scheme+"://") + "; known are docker://, oci:, oci-archive:, docker-archive:, tar: and dir:", ""
	}
	return Registry, s, "", ""
}

// parseLocal reads PATH[:TAG][@DIGEST].
func parseLocal(kind Kind, s, cwd string) (r Ref, reason string) {
	r.Kind = kind
	if kind != Dir {
		if kind != DockerArchive {
			if i := strings.LastIndexByte(s, '@'); i >= 0 && strings.HasPrefix(s[i+1:], "sha") && strings.Contains(s[i:], ":") {
				if reason = digestReason(s[i+1:]); reason != "" {
					return Ref{}, reason
				}
				s, r.Digest = s[:i], s[i+1:]
			}
		}
		var tagged bool
		s, r.Tag, tagged = strings.Cut(s, ":")
		if tagged {
			if reason = localTagReason(r.Tag, kind); reason != "" {
				return Ref{}, reason
			}
		}
	}
	if s == "" {
		return Ref{}, "it names no path"
	}
	if !path.IsAbs(s) {
		if cwd == "" {
			return Ref{}, "the path must be absolute here"
		}
		s = cwd + "/" + s
	}
	r.Path = path.Clean(s)
	if kind != Dir && strings.Contains(r.Path, ":") {
		return Ref{}, "the path " + strconv.Quote(r.Path) + " holds a colon, where the tag would begin"
	}
	return r, ""
}

// localTagReason holds a name inside a layout or an archive to the grammar of
// org.opencontainers.image.ref.name (image-spec, annotations.md), loosely.
func localTagReason(tag string, kind Kind) string {
	if tag == "" {
		return "there is no tag after the colon"
	}
	if len(tag) > 255 || !isAlnum(tag[0]) {
		return "bad tag " + strconv.Quote(tag)
	}
	for i := range len(tag) {
		if c := tag[i]; !isAlnum(c) && strings.IndexByte("-._:+/@", c) < 0 || c == '@' && kind == DockerArchive {
			return "bad tag " + strconv.Quote(tag)
		}
	}
	return ""
}

// otherMeaning looks for what the user may have meant by a name that is none in
// a registry. It promises nothing that it did not find.
func otherMeaning(s, cwd string) string {
	if low := strings.ToLower(s); low != s {
		if _, reason := parseRegistry(low); reason == "" {
			return "did you mean " + low + "?"
		}
	}
	p := s
	if !path.IsAbs(p) {
		if cwd == "" || s == "" {
			return ""
		}
		p = cwd + "/" + p
	}
	info, err := os.Stat(p)
	switch {
	case err != nil:
		return ""
	case info.Mode().IsRegular():
		return "did you mean docker-archive:" + s + " or oci-archive:" + s + "?"
	case !info.IsDir():
		return ""
	}
	if _, err := os.Lstat(p + "/oci-layout"); err == nil {
		return "did you mean oci:" + s + "?"
	}
	return "did you mean dir:" + s + "?"
}
