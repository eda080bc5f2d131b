package oci

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Platform is what an image runs on.
type Platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	OSVersion    string `json:"os.version,omitempty"`
	Variant      string `json:"variant,omitempty"`
}

// String returns "linux/amd64", with the variant if there is one.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Host returns the platform of this machine. 32-bit arm is taken to be v7, the
// oldest that distributions still build for; an older one is asked for by name.
func Host() Platform {
	p := Platform{OS: "linux", Architecture: runtime.GOARCH}
	if p.Architecture == "arm" {
		p.Variant = "v7"
	}
	return p
}

// ParsePlatform reads "OS/ARCH" or "OS/ARCH/VARIANT" as a user writes it; ""
// is the host's.
func ParsePlatform(s string) (Platform, error) {
	if s == "" {
		return Host(), nil
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") || strings.ContainsFunc(s, notWord) {
		return Platform{}, Fail("platform", Quote(s), Reason("write OS/ARCH or OS/ARCH/VARIANT, as linux/arm64", nil))
	}
	p := Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p.normal(), nil
}

func notWord(r rune) bool {
	return r != '/' && r != '.' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
}

// normal uses one spelling for the names that have several. The names of Go's
// ports are those of the specification.
func (p Platform) normal() Platform {
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	case "armel":
		p.Architecture, p.Variant = "arm", "v6"
	case "i386", "i686":
		p.Architecture = "386"
	}
	if len(p.Variant) > 0 && p.Variant[0] >= '0' && p.Variant[0] <= '9' {
		p.Variant = "v" + p.Variant
	}
	return p
}

// level is the rank of a variant: a machine runs what is at or below its own.
// An absent variant means the usual one of the architecture. -1 is a variant
// that is not a number.
func (p Platform) level() float64 {
	if p.Variant == "" {
		switch p.Architecture {
		case "arm":
			return 7
		case "arm64":
			return 8
		}
		return 1
	}
	v, err := strconv.ParseFloat(strings.TrimPrefix(p.Variant, "v"), 64)
	if err != nil || !(v >= 0) {
		return -1
	}
	return v
}

// Runs says whether a machine of platform p runs an image of platform other.
func (p Platform) Runs(other Platform) bool {
	p, other = p.normal(), other.normal()
	if p.OS != other.OS || p.Architecture != other.Architecture {
		return false
	}
	if p.level() < 0 || other.level() < 0 {
		return p.Variant == other.Variant
	}
	return other.level() <= p.level()
}

// Choose returns the index of the entry to use for platform want, or -1. The
// highest variant that runs wins, then the first. An entry that names no
// platform is used when it is the only image there is.
func Choose(list []Descriptor, want Platform) int {
	best, images, last := -1, 0, -1
	for i := range list {
		if IsAttestation(&list[i]) {
			continue
		}
		images, last = images+1, i
		if p := list[i].Platform; p == nil || !want.Runs(*p) {
			continue
		} else if best < 0 || p.normal().level() > list[best].Platform.normal().level() {
			best = i
		}
	}
	if best < 0 && images == 1 && list[last].Platform == nil {
		return last
	}
	return best
}

// IsAttestation says whether an entry of an index is about an image rather
// than an image: build provenance, as BuildKit attaches it.
func IsAttestation(d *Descriptor) bool {
	return d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown" ||
		d.Annotations["vnd.docker.reference.type"] != ""
}

// Platforms lists what an index has, for an error.
func Platforms(list []Descriptor) string {
	const most = 24
	var names []string
	for i := range list {
		if IsAttestation(&list[i]) || list[i].Platform == nil {
			continue
		}
		if s := ShownPlatform(*list[i].Platform); !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// ShownPlatform is String, quoted unless it is plain.
func ShownPlatform(p Platform) string {
	s := p.String()
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) || len(s) > 64 {
		return Quote(s)
	}
	return s
}
