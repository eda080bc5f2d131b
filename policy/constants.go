package policy

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/seccomp"
)

// constantsFile is a constants.json, as minijail's offline compiler takes it: the
// numbers and constants of one architecture.
type constantsFile struct {
	arch      string
	constants map[string]uint64
	calls     map[string]uint64
	groups    map[string]map[string][]string
}

// readConstants reads a constants.json.
func (r *reader) readConstants(name string) error {
	src, err := r.open(name)
	if err != nil {
		return err
	}
	doc, err := parseJSON(src)
	if err != nil {
		return err
	}
	f := &constantsFile{constants: map[string]uint64{}, calls: map[string]uint64{}, groups: map[string]map[string][]string{}}
	if err := f.fill(doc); err != nil {
		return err
	}
	if a, ok := archWord(f.arch); ok && a != r.opts.Arch {
		return &Error{Position: src.at(0, 0), Reason: "it holds the constants of " + f.arch + ", and the policy is for " + r.opts.Arch.Name()}
	}
	r.custom = f
	return nil
}

func (f *constantsFile) fill(doc *jsonValue) error {
	fields, err := doc.object("arch_nr", "arch_name", "bits", "syscalls", "constants", "syscall_groups")
	if err != nil {
		return err
	}
	if v := fields["arch_name"]; v != nil {
		if f.arch, err = v.str(); err != nil {
			return err
		}
	}
	for key, into := range map[string]map[string]uint64{"constants": f.constants, "syscalls": f.calls} {
		if err := fields[key].numbers(into); err != nil {
			return err
		}
	}
	if fields["syscall_groups"] == nil {
		return nil
	}
	namespaces, err := fields["syscall_groups"].members()
	if err != nil {
		return err
	}
	for _, ns := range namespaces {
		groups, err := ns.value.members()
		if err != nil {
			return err
		}
		f.groups[ns.name] = map[string][]string{}
		for _, g := range groups {
			if f.groups[ns.name][g.name], err = g.value.strings(); err != nil {
				return err
			}
		}
	}
	return nil
}

// numbers adds the members of an object to a map.
func (v *jsonValue) numbers(into map[string]uint64) error {
	if v == nil {
		return nil
	}
	members, err := v.members()
	if err != nil {
		return err
	}
	for _, m := range members {
		if n, err := strconv.ParseInt(m.value.text, 10, 64); err == nil && m.value.kind == jsonNumber {
			into[m.name] = uint64(n) // minijail takes negative ones as their two's complement
			continue
		}
		if into[m.name], err = m.value.uint(64); err != nil {
			return err
		}
	}
	return nil
}

func (f *constantsFile) archName() string {
	if f == nil {
		return ""
	}
	return f.arch
}

func (f *constantsFile) constant(name string) (uint64, bool) {
	if f == nil {
		return 0, false
	}
	v, ok := f.constants[name]
	return v, ok
}

// callName returns lichen's name of a call that the file knows under another.
func (f *constantsFile) callName(a seccomp.Arch, name string) (string, bool) {
	if f == nil {
		return "", false
	}
	nr, ok := f.calls[name]
	if !ok || nr > 0xffffffff {
		return "", false
	}
	return seccomp.CallName(a, uint32(nr))
}

func (f *constantsFile) group(namespace, name string) ([]string, bool) {
	if f == nil {
		return nil, false
	}
	members, ok := f.groups[namespace][name]
	return members, ok
}
