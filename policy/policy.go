package policy

import (
	"io/fs"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// Dialect is a language of policies.
type Dialect uint8

const (
	Auto           Dialect = iota // found out, where that is certain
	MinijailC                     // libminijail: "EXPR; return E" lets through where EXPR holds
	MinijailPython                // compile_seccomp_policy: it answers E where EXPR holds
	OCI                           // linux.seccomp of an OCI runtime configuration
	Strace                        // the output of strace
	Audit                         // audit records
)

var dialectNames = [...]string{"auto", "minijail-c", "minijail-python", "oci", "strace", "audit"}

// String returns the name that ParseDialect knows.
func (d Dialect) String() string {
	if int(d) >= len(dialectNames) {
		return "unknown"
	}
	return dialectNames[d]
}

// ParseDialect returns the dialect called name.
func ParseDialect(name string) (Dialect, error) {
	for i, n := range dialectNames {
		if n == name {
			return Dialect(i), nil
		}
	}
	return 0, &spec.Error{Op: "policy dialect", Object: name, Reason: "not one of " + strings.Join(dialectNames[:], ", ")}
}

// Options is what reading depends on beside the text.
type Options struct {
	Dialect Dialect
	// Arch decides names, numbers and constants.
	Arch seccomp.Arch
	// Dir is the directory that the files are in: it stands before their names
	// in messages, and absolute includes below it are found.
	Dir string
	// Include lets a policy go on in other files, none of which can lie outside
	// of Dir. Frequency files are files too.
	Include bool
	// Constants names a constants.json in Dir, as minijail's offline compiler
	// takes it; "" for none. What it defines wins over lichen's own tables.
	Constants string
	// Default answers the calls that no record of strace or audit names; unset,
	// they fail with EPERM.
	Default spec.Action
	// Capabilities ("CAP_SYS_ADMIN") and Kernel decide what an OCI profile
	// includes. A Kernel of zero is newer than any.
	Capabilities []string
	Kernel       Kernel
}

// Kernel is a kernel version.
type Kernel struct{ Major, Minor int }

// Policy is what was read.
type Policy struct {
	Dialect Dialect
	Seccomp spec.Seccomp
	// Frequency holds how often calls are made, as far as the policy knows. It is
	// never nil; see seccomp.Options.
	Frequency map[string]uint64
	Warnings  []Warning
}

// Warning is something that was read and has no effect, or not the one it has
// elsewhere.
type Warning struct {
	Position
	Text string
}

// String returns "FILE:LINE:COLUMN: TEXT".
func (w Warning) String() string { return w.Position.String() + ": " + w.Text }

// Read reads the policy in the file name of files.
//
// What decides the dialect, when it is not named, is something that all others
// refuse: an opening brace before a quote is JSON; "type=" starts an audit
// record, and a call with its result a line of strace. In minijail policies,
// blocks, metadata, named actions, @default and @denylist are of the offline
// compiler, and a return without a value is of the library. A policy with
// nothing of either is the same in both, unless it has the form that they
// disagree on; then it is an error.
//
// Errors of a policy's text are of type *Error, wrapped in a *spec.Error.
func Read(files fs.FS, name string, o Options) (*Policy, error) {
	r := &reader{files: files, opts: o, out: &Policy{Dialect: o.Dialect, Frequency: map[string]uint64{}}}
	if err := r.read(name); err != nil {
		return nil, asSpecError(err)
	}
	return r.out, nil
}

// reader reads one policy.
type reader struct {
	files  fs.FS
	opts   Options
	file   string // the policy's own, as messages call it
	budget budget
	out    *Policy
	custom *constantsFile // nil without one
}

func (r *reader) read(name string) error {
	src, err := r.open(name)
	if err != nil {
		return err
	}
	r.file = src.file
	if r.opts.Constants != "" {
		if err := r.readConstants(r.opts.Constants); err != nil {
			return err
		}
	}
	if r.out.Dialect == Auto {
		r.out.Dialect = guess(src.text)
	}
	switch r.out.Dialect {
	case OCI:
		return r.readOCI(src)
	case Strace, Audit:
		return r.readRecords(src)
	}
	return r.readMinijail(src)
}

// guess tells the formats apart by their first line that is no comment.
// Minijail's dialects stay Auto.
func guess(text string) Dialect {
	if t := strings.TrimLeft(text, " \t\r\n"); strings.HasPrefix(t, "{") {
		if t = strings.TrimLeft(t[1:], " \t\r\n"); strings.HasPrefix(t, `"`) || strings.HasPrefix(t, "}") && strings.TrimSpace(t[1:]) == "" {
			return OCI
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case isAuditLine(line):
			return Audit
		case isStraceLine(line):
			return Strace
		default:
			return Auto
		}
	}
	return Auto
}

func (r *reader) warn(at Position, text string) {
	r.out.Warnings = append(r.out.Warnings, Warning{at, text})
}
