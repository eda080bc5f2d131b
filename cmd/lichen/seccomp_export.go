package main

import (
	"github.com/lichen-sandbox/lichen/policy"
	"github.com/lichen-sandbox/lichen/seccomp"
)

// exportFilter is "lichen seccomp export PROFILE".
func exportFilter(u *ui, o *seccompOptions, operands []string) int {
	if o.Format != "" && o.Format != "bpf" && o.Format != "oci" {
		return u.fail(usageError("seccomp", "there is no format "+quote(o.Format)+": bpf or oci"))
	}
	f, err := o.loadMachine(operands[0])
	if err != nil {
		return u.fail(err)
	}
	if o.Format == "oci" {
		text, err := policy.ExportOCI(&f.spec.Seccomp, f.opts)
		if err != nil {
			return u.fail(err)
		}
		return u.writeTo(o.Output, text, false)
	}
	program, err := seccomp.Compile(&f.spec.Seccomp, f.opts)
	if err != nil {
		return u.fail(err)
	}
	return u.writeTo(o.Output, seccomp.Bytes(program), true)
}

// disassembleFilter is "lichen seccomp disassemble PROFILE".
func disassembleFilter(u *ui, o *seccompOptions, operands []string) int {
	f, err := o.loadMachine(operands[0])
	if err != nil {
		return u.fail(err)
	}
	program, err := seccomp.Compile(&f.spec.Seccomp, f.opts)
	if err != nil {
		return u.fail(err)
	}
	return u.print(seccomp.Disassemble(program))
}

// loadMachine is load for whole programs: an architecture is a machine's, and
// not that of the 32-bit programs on this one.
func (o *seccompOptions) loadMachine(name string) (*filter, error) {
	f, err := o.load(name)
	if err == nil {
		f.opts.Arch = f.arch
	}
	return f, err
}
