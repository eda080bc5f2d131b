package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// seccompOptions are those of all verbs; each verb has a list of its own.
type seccompOptions struct {
	Arch      string `long:"arch" value-name:"ARCH" unquote:"false" complete:"amd64 386 arm64 arm" description:"another architecture than this machine's, or the one of its 32-bit programs: amd64, 386, arm64 or arm"`
	JSON      bool   `long:"json" description:"show, explain, diff, groups: print JSON"`
	All       bool   `long:"all" description:"diff: all that B answers otherwise, also what it refuses"`
	Format    string `long:"format" value-name:"FORMAT" unquote:"false" complete:"bpf oci" description:"export: bpf (the program, for bwrap --seccomp and others) or oci (JSON for a container runtime) (default: bpf)"`
	Output    string `long:"output" value-name:"FILE" unquote:"false" complete:"file" description:"export: write there"`
	Dialect   string `long:"dialect" value-name:"DIALECT" unquote:"false" complete:"minijail-c minijail-python oci strace audit" description:"import: what the file is written in; without it, the file has to leave no doubt"`
	Constants string `long:"constants" value-name:"FILE" unquote:"false" complete:"file" description:"import: a constants.json of minijail's, in the directory of the policy"`
	helpOption
}

// verb is one word after "lichen seccomp".
type verb struct {
	name, args, summary string
	least, most         int    // operands; most may be -1
	options             string // those it takes
	run                 func(u *ui, o *seccompOptions, operands []string) int
}

func seccompVerbs() []verb {
	return []verb{
		{"show", "PROFILE", "what each system call gets, and which line says so", 1, 1, "arch json", showFilter},
		{"explain", "PROFILE SYSCALL [ARGUMENT]...", "what one call gets, and why", 2, 8, "arch json", explainCall},
		{"diff", "PROFILE_A PROFILE_B", "what B allows that A does not", 2, 2, "arch json all", diffFilters},
		{"export", "PROFILE", "the filter for other programs", 1, 1, "arch format output", exportFilter},
		{"import", "FILE", "a policy of another program as the table [seccomp] of a profile", 1, 1, "arch dialect constants", importPolicy},
		{"groups", "[NAME]", "the groups of calls, and the conditions on their arguments", 0, 1, "json", showGroups},
		{"disassemble", "PROFILE", "the program that the kernel gets, as text", 1, 1, "arch", disassembleFilter},
	}
}

// seccompCommand is "lichen seccomp VERB".
func seccompCommand(u *ui, args []string) int {
	var o seccompOptions
	words, err := parse("seccomp", &o, 0, separateNumbers(args))
	switch {
	case err != nil:
		return u.fail(err)
	case o.Help:
		return u.help("seccomp")
	case len(words) == 0:
		u.report(usageError("seccomp", "no verb is given"))
		(&ui{out: u.err, err: u.err}).help("seccomp")
		return exitFailed
	}
	for _, v := range seccompVerbs() {
		if v.name != words[0] {
			continue
		}
		if reason := v.misused(&o, words[1:]); reason != "" {
			return u.fail(usageError("seccomp", reason))
		}
		return v.run(u, &o, words[1:])
	}
	return u.fail(usageError("seccomp", "there is no verb "+quote(words[0])))
}

// separateNumbers ends the options before a negative number, which is the
// argument of a call.
func separateNumbers(args []string) []string {
	for i, a := range args {
		if a == "--" {
			break
		}
		if len(a) > 1 && a[0] == '-' && '0' <= a[1] && a[1] <= '9' {
			return slices.Insert(slices.Clone(args), i, "--")
		}
	}
	return args
}

// misused returns what is wrong with the operands or the options of a verb, or
// "".
func (v *verb) misused(o *seccompOptions, operands []string) string {
	switch n := len(operands); {
	case n < v.least:
		return v.name + " takes " + v.args
	case v.most >= 0 && n > v.most:
		return quote(operands[v.most]) + " is too much"
	}
	for _, given := range [...]struct {
		name string
		set  bool
	}{
		{"arch", o.Arch != ""}, {"json", o.JSON}, {"all", o.All}, {"format", o.Format != ""},
		{"output", o.Output != ""}, {"dialect", o.Dialect != ""}, {"constants", o.Constants != ""},
	} {
		if given.set && !slices.Contains(strings.Fields(v.options), given.name) {
			return v.name + " has no option --" + given.name
		}
	}
	return ""
}

// filter is the policy of a profile and what it is compiled with.
type filter struct {
	profile string
	spec    *spec.Spec
	opts    seccomp.Options
	arch    seccomp.Arch // whose calls are asked about: the machine's, or its 32-bit one
}

// load reads the filter of a profile, as a launch on this host compiles it.
func (o *seccompOptions) load(name string) (*filter, error) {
	p, err := newLoader().Load(name)
	if err != nil {
		return nil, err
	}
	f := &filter{profile: name, spec: p.Spec}
	if p.Spec.Seccomp.Off {
		return nil, &spec.Error{Op: "read the filter of", Object: name, Reason: "it has none", Origin: p.Spec.OriginOf("seccomp.mode")}
	}
	if f.opts, err = sandbox.FilterOptions(p.Spec, feature.Gather(os.Environ())); err != nil {
		return nil, err
	}
	f.arch, f.opts.Arch, err = o.arches(f.opts.Arch)
	return f, err
}

// arches returns the architecture that was asked for, and the machine it is on.
func (o *seccompOptions) arches(native seccomp.Arch) (arch, machine seccomp.Arch, err error) {
	if o.Arch == "" {
		return native, native, nil
	}
	for arch := seccomp.AMD64; arch.AuditArch() != 0; arch++ {
		if arch.Name() != o.Arch {
			continue
		}
		if compat, ok := native.Compat(); ok && compat == arch {
			return arch, native, nil
		}
		return arch, arch, nil
	}
	return 0, 0, usageError("seccomp", "there is no architecture "+quote(o.Arch)+": amd64, 386, arm64 or arm")
}

// closed returns why the policy lets in no program of the architecture that was
// asked for, or "".
func (f *filter) closed() string {
	if f.arch == f.opts.Arch || f.spec.Seccomp.Compat {
		return ""
	}
	return "seccomp.compat is not set"
}

// origin returns where a reason is written.
func (f *filter) origin(r seccomp.Reason) spec.Origin {
	switch {
	case !r.Origin.IsZero():
		return r.Origin
	case r.What == "default":
		return f.spec.OriginOf("seccomp.default")
	case r.What == "ids":
		return f.spec.OriginOf("rootfs.ids")
	case r.What == "nested":
		return f.spec.OriginOf("namespaces.nested")
	}
	return spec.Origin{}
}

// printJSON prints a value that has nothing that JSON lacks.
func (u *ui) printJSON(v any) int {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // rules are full of && and <
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return u.fail(err)
	}
	return u.print(b.String())
}

// writeTo writes to a file, or to standard output where it has no name.
func (u *ui) writeTo(name string, data []byte, binary bool) int {
	out, what := u.out, "standard output"
	if name != "" {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			return u.fail(&spec.Error{Op: "write", Object: name, Err: unwrapPath(err)})
		}
		defer f.Close() // a second time, for the early returns
		out, what = f, name
	}
	file, isFile := out.(*os.File)
	if binary && isFile && isTerminal(file.Fd()) {
		return u.fail(&spec.Error{Op: "write", Object: what, Reason: "it is a terminal, and the program is binary", Hint: "--output FILE writes it to a file"})
	}
	_, err := out.Write(data)
	if err == nil && name != "" {
		err = file.Close()
	}
	if err != nil {
		return u.fail(&spec.Error{Op: "write", Object: what, Err: unwrapPath(err)})
	}
	return exitOK
}
