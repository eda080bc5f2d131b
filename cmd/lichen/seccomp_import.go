package main

import (
	"os"
	"path/filepath"

	"github.com/lichen-sandbox/lichen/policy"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// importPolicy is "lichen seccomp import FILE".
func importPolicy(u *ui, o *seccompOptions, operands []string) int {
	p, err := o.readPolicy(operands[0])
	if err != nil {
		return u.fail(err)
	}
	for _, w := range p.Warnings {
		u.warn(w.String())
	}
	return u.print("# " + printable(operands[0]) + ", read as " + p.Dialect.String() + "\n" + string(policy.TOML(&p.Seccomp)))
}

// readPolicy reads a policy and the files that it includes, which cannot lie
// outside of its directory.
func (o *seccompOptions) readPolicy(file string) (*policy.Policy, error) {
	native, err := seccomp.Native()
	if err != nil {
		return nil, err
	}
	opts := policy.Options{Include: true}
	if opts.Arch, _, err = o.arches(native); err != nil {
		return nil, err
	}
	if o.Dialect != "" {
		if opts.Dialect, err = policy.ParseDialect(o.Dialect); err != nil {
			return nil, err
		}
	}
	// What the user names may be a link to anywhere; what it includes may not.
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil, &spec.Error{Op: "read policy", Object: file, Err: unwrapPath(err)}
	}
	opts.Dir = filepath.Dir(real)
	if o.Constants != "" {
		opts.Constants = filepath.Base(o.Constants)
		if !sameDirectory(filepath.Dir(o.Constants), opts.Dir) {
			return nil, &spec.Error{Op: "read constants", Object: o.Constants, Reason: "it is not in the directory of the policy"}
		}
	}
	dir, err := policy.OpenDirectory(opts.Dir)
	if err != nil {
		return nil, &spec.Error{Op: "read policy", Object: file, Err: unwrapPath(err)}
	}
	defer dir.Close() // it was only read
	return policy.Read(dir, filepath.Base(real), opts)
}

func sameDirectory(a, b string) bool {
	left, err := os.Stat(a)
	if err != nil {
		return false
	}
	right, err := os.Stat(b)
	return err == nil && os.SameFile(left, right)
}
