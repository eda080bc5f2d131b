package policy

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// oci reads linux.seccomp of an OCI runtime configuration, and the profiles that
// Docker and Podman make it from.
//
// What the rules of one call make of it follows libseccomp, which runtimes use:
// a rule without conditions decides, the first of them; several conditions on
// one argument are alternatives; and a rule with the default's action is none.
// Where conditions of different actions overlap, libseccomp's answer depends on
// the numbers in them. Here the first that holds decides.
type oci struct{ minijail }

func (r *reader) readOCI(src *source) error {
	if len(src.text) > maxFile {
		return &Error{Position: src.at(0, 0), Reason: "longer than " + strconv.Itoa(maxFile>>20) + " MiB"}
	}
	doc, err := parseJSON(src)
	if err != nil {
		return err
	}
	if doc, err = seccompOf(doc); err != nil {
		return err
	}
	o := &oci{minijail: minijail{reader: r, dialect: OCI, byName: map[string]*callFilters{}}}
	if err := o.document(doc); err != nil {
		return err
	}
	for _, c := range o.calls {
		c.settle()
	}
	return o.finish()
}

// seccompOf returns linux.seccomp of a whole runtime configuration.
func seccompOf(doc *jsonValue) (*jsonValue, error) {
	members, err := doc.members()
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if m.name != "linux" {
			continue
		}
		linux, err := m.value.members()
		if err != nil {
			return nil, err
		}
		for _, inner := range linux {
			if inner.name == "seccomp" {
				return inner.value, nil
			}
		}
		return nil, &Error{Position: m.value.at, Reason: "found no seccomp in linux"}
	}
	return doc, nil
}

func (o *oci) document(doc *jsonValue) error {
	f, err := doc.object("defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "listenerPath", "listenerMetadata", "syscalls")
	if err != nil {
		return err
	}
	if f["defaultAction"] == nil {
		return &Error{Position: doc.at, Reason: "found no defaultAction"}
	}
	if o.def, err = o.action(f["defaultAction"], f["defaultErrnoRet"], f["defaultErrno"]); err != nil {
		return err
	}
	for _, name := range [...]string{"flags", "listenerPath", "listenerMetadata"} {
		if v := f[name]; v != nil && (v.text != "" || len(v.items) > 0) {
			o.warn(v.at, name+" means nothing here: lichen sets the flags of its filter itself, and nobody listens")
		}
	}
	if err := o.architectures(f["architectures"], f["archMap"]); err != nil {
		return err
	}
	calls, err := f["syscalls"].list()
	if err != nil {
		return err
	}
	for _, c := range calls {
		if err := o.rule(c); err != nil {
			return err
		}
	}
	return nil
}

// action reads an action and the error number that may go with it.
func (o *oci) action(v, number, name *jsonValue) (action, error) {
	text, err := v.str()
	if err != nil {
		return action{}, err
	}
	switch text {
	case "SCMP_ACT_ALLOW":
		return allow, nil
	case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS":
		return kill, nil
	case "SCMP_ACT_TRAP":
		return action{spec.Action{Kind: spec.ActionTrap}, "trap"}, nil
	case "SCMP_ACT_LOG":
		return action{spec.Action{Kind: spec.ActionLog}, "log"}, nil
	case "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY":
		o.warn(v.at, text+" answers ENOSYS, as where nobody traces or listens")
		return errnoAction(enosys), nil
	case "SCMP_ACT_ERRNO":
		return o.errno(number, name)
	}
	return action{}, v.want("SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _KILL_THREAD, _LOG, _NOTIFY, _TRACE or _TRAP")
}

// errno reads an error as a number or, as Podman has it, as a name.
func (o *oci) errno(number, name *jsonValue) (action, error) {
	if name != nil {
		text, err := name.str()
		if err != nil {
			return action{}, err
		}
		if n, ok := seccomp.Errno(text); ok {
			return errnoAction(n), nil
		}
		if text != "" {
			return action{}, name.want("the name of an error")
		}
	}
	if number == nil {
		return errnoAction(1), nil // runtimes answer EPERM
	}
	n, err := number.uint(16)
	if err == nil && (n == 0 || n > 4095) {
		err = number.want("an error number between 1 and 4095")
	}
	return errnoAction(uint16(n)), err
}

// archTokens are libseccomp's names.
var archTokens = [...]string{seccomp.AMD64: "SCMP_ARCH_X86_64", seccomp.I386: "SCMP_ARCH_X86", seccomp.ARM64: "SCMP_ARCH_AARCH64", seccomp.ARM: "SCMP_ARCH_ARM"}

// architectures reads which ones the policy is for. Runtimes add the machine's
// own.
func (o *oci) architectures(list, mapped *jsonValue) error {
	names := map[string]bool{}
	if list != nil {
		tokens, err := list.strings()
		if err != nil {
			return err
		}
		for _, t := range tokens {
			names[t] = true
		}
	}
	entries, err := mapped.list()
	if err != nil {
		return err
	}
	for _, e := range entries {
		f, err := e.object("architecture", "subArchitectures")
		if err != nil {
			return err
		}
		if f["architecture"] == nil || f["architecture"].text != archTokens[o.opts.Arch] || f["subArchitectures"] == nil {
			continue
		}
		tokens, err := f["subArchitectures"].strings()
		if err != nil {
			return err
		}
		for _, t := range tokens {
			names[t] = true
		}
	}
	if compat, ok := o.opts.Arch.Compat(); ok {
		o.out.Seccomp.Compat = names[archTokens[compat]]
	}
	return nil
}
