package policy

import "github.com/lichen-sandbox/lichen/seccomp"

// metadata reads "[KEY=VALUE,…; …]" and tells whether it is for this
// architecture.
func (p *statement) metadata() (here bool, err error) {
	open := p.tok()
	if !p.accept("[") {
		return true, nil
	}
	if err := p.python(open, "metadata"); err != nil {
		return false, err
	}
	here = true
	seen := map[string]bool{}
	for {
		key := p.tok()
		values, err := p.pair()
		if err != nil {
			return false, err
		}
		if seen[key.text] {
			return false, p.fail(key, "found "+key.String()+" a second time")
		}
		seen[key.text] = true
		if key.text == "arch" {
			here = p.namesArch(values)
		} else {
			p.warn(key.at, "metadata "+quote(key.text)+" means nothing here")
		}
		if p.accept("]") {
			return here, nil
		}
		if !p.accept(";") {
			return false, p.want("a comma, a semicolon or a closing bracket")
		}
	}
}

// pair reads "KEY=VALUE,…".
func (p *statement) pair() ([]token, error) {
	if p.tok().kind != tokenWord {
		return nil, p.want("a key of metadata, like arch")
	}
	p.next++
	if !p.accept("=") {
		return nil, p.want(`"="`)
	}
	var out []token
	for {
		if p.tok().kind != tokenWord {
			return nil, p.want("a value")
		}
		out = append(out, p.advance())
		if !p.accept(",") {
			return out, nil
		}
	}
}

// archWords are the spellings of each architecture: the kernel's, minijail's and
// Go's. Policies of the field use them all.
var archWords = map[string]seccomp.Arch{
	"x86_64": seccomp.AMD64, "amd64": seccomp.AMD64,
	"x86": seccomp.I386, "i386": seccomp.I386, "i686": seccomp.I386, "386": seccomp.I386,
	"arm64": seccomp.ARM64, "aarch64": seccomp.ARM64,
	"arm": seccomp.ARM,
}

var otherArches = map[string]bool{
	"riscv64": true, "riscv": true, "mips": true, "mipsel": true, "mips64": true, "mips64el": true, "ppc64": true, "ppc64le": true,
	"ppc": true, "s390": true, "s390x": true, "loongarch64": true, "sparc": true, "sparc64": true, "hppa": true, "ia64": true, "parisc": true,
}

// namesArch tells whether one of the words is the architecture.
func (p *statement) namesArch(words []token) bool {
	here := false
	for _, w := range words {
		a, ok := archWords[w.text]
		if !ok && !otherArches[w.text] && p.custom.archName() != w.text {
			p.warn(w.at, "no architecture "+quote(w.text)+" is known")
		}
		here = here || ok && a == p.opts.Arch || p.custom.archName() == w.text
	}
	return here
}
