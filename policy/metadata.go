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

// archWord reads the spelling of an architecture: the kernel's, minijail's or
// Go's. Policies of the field use them all. (Functions rather than maps: those
// would be built at every start of lichen.)
func archWord(word string) (a seccomp.Arch, ok bool) {
	switch word {
	case "x86_64", "amd64":
		return seccomp.AMD64, true
	case "x86", "i386", "i686", "386":
		return seccomp.I386, true
	case "arm64", "aarch64":
		return seccomp.ARM64, true
	case "arm":
		return seccomp.ARM, true
	}
	return 0, false
}

// otherArch reports whether word is an architecture that lichen has no tables
// for.
func otherArch(word string) bool {
	switch word {
	case "riscv64", "riscv", "mips", "mipsel", "mips64", "mips64el", "ppc64", "ppc64le",
		"ppc", "s390", "s390x", "loongarch64", "sparc", "sparc64", "hppa", "ia64", "parisc":
		return true
	}
	return false
}

// namesArch tells whether one of the words is the architecture.
func (p *statement) namesArch(words []token) bool {
	here := false
	for _, w := range words {
		a, ok := archWord(w.text)
		if !ok && !otherArch(w.text) && p.custom.archName() != w.text {
			p.warn(w.at, "no architecture "+quote(w.text)+" is known")
		}
		here = here || ok && a == p.opts.Arch || p.custom.archName() == w.text
	}
	return here
}
