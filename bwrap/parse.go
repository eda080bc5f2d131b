package bwrap

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"
)

// Bounds on a command line.
const (
	// MaxArgs counts all arguments, those of lists included.
	MaxArgs = 9000
	// MaxArgBytes bounds one list; the kernel has no bound for a descriptor.
	MaxArgBytes = 64 << 20
)

// Options are what Parse cannot know by itself.
type Options struct {
	// Root: the caller is root, who gets a user namespace only when asked for.
	Root bool
	// Labels: the system has SELinux, so that --exec-label and --file-label
	// mean something.
	Labels bool
	// ReadArgs returns a reader for an argument list. Parse reads it once to
	// its end or to MaxArgBytes, and closes it. nil: no list can be read.
	ReadArgs func(fd int) (io.ReadCloser, error)
}

// errDone ends parsing at --help and --version, which look at nothing behind
// them.
var errDone = errors.New("done")

type parser struct {
	c     *Config
	o     Options
	count int      // of all arguments so far
	perms *uint32  // of --perms, until an operation takes it
	size  uint64   // of --size
	lower []string // of --overlay-src
	seen  map[string]bool
}

// Parse reads a command line without the program's name. It returns a Config
// in any case: after an error, for Message and Warnings. The error is an
// *Error.
func Parse(args []string, o Options) (*Config, error) {
	p := &parser{o: o, c: &Config{UserNS: NoFD, UserNS2: NoFD, PIDNS: NoFD,
		SyncFD: NoFD, BlockFD: NoFD, UsernsBlockFD: NoFD, InfoFD: NoFD, StatusFD: NoFD}}
	rest, err := p.all(args)
	if errors.Is(err, errDone) {
		return p.c, nil
	}
	if err != nil {
		return p.c, err
	}
	return p.c, p.finish(rest)
}

func (p *parser) all(args []string) (rest []string, err error) {
	if err := p.counted(len(args)); err != nil {
		return nil, err
	}
	return p.list(args, false)
}

func (p *parser) counted(n int) error {
	if p.count += n; p.count > MaxArgs {
		return refuse("Exceeded maximum number of arguments " + strconv.Itoa(MaxArgs))
	}
	return nil
}

// list reads options up to the first word that is none, or behind "--".
func (p *parser) list(args []string, nested bool) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			return args[1:], nil
		}
		if !strings.HasPrefix(arg, "-") {
			return args, nil
		}
		o := find(arg)
		switch {
		case o == nil:
			return nil, refuse("Unknown option " + arg)
		case o.kind == kindArgs && nested:
			return nil, refuse("--args not supported in arguments file")
		case len(args)-1 < o.args:
			return nil, o.missing()
		}
		if err := p.option(o, args[1:1+o.args]); err != nil {
			return nil, err
		}
		if err := p.pending(o.kind); err != nil {
			return nil, err
		}
		args = args[1+o.args:]
	}
	return nil, nil
}

// pending refuses what an option of kind k should have taken.
func (p *parser) pending(k kind) error {
	modifier := k == kindPerms || k == kindSize
	switch {
	case p.perms != nil && !modifier:
		return refuse("--perms must be followed by an option that creates a file")
	case p.size != 0 && !modifier:
		return refuse("--size must be followed by --tmpfs")
	case len(p.lower) > 0 && k != kindLower:
		return refuse("--overlay-src must be followed by another --overlay-src or one of --overlay, --tmp-overlay, or --ro-overlay")
	}
	return nil
}

func (p *parser) option(o *option, args []string) error {
	switch o.kind {
	case kindHelp:
		p.c.Action = ActionHelp
		return errDone
	case kindVersion:
		p.c.Action = ActionVersion
		return errDone
	case kindArgs:
		return p.args(args[0])
	case kindFlag:
		p.flag(o.name)
		return nil
	case kindText:
		return p.text(o.name, args[0])
	case kindNumber:
		return p.number(o.name, args[0])
	case kindEnv:
		return p.env(o.name, args)
	case kindCap:
		return p.cap(o.name, args[0])
	case kindPerms:
		return p.setPerms(args[0])
	case kindSize:
		return p.setSize(args[0])
	case kindSeccomp:
		return p.seccomp(o.name, args[0])
	case kindLower:
		p.lower = append(p.lower, args[0])
		return nil
	}
	return p.op(o, args)
}

// args reads a list. What follows the options in it is not used.
func (p *parser) args(arg string) error {
	fd, err := parseFD(arg)
	if err != nil {
		return err
	}
	data, err := p.read(fd)
	if err != nil {
		return &Error{Text: "Can't read --args data: " + reason(err), Err: err}
	}
	p.c.ArgFDs = append(p.c.ArgFDs, fd)
	var words []string
	for len(data) > 0 {
		if err := p.counted(1); err != nil {
			return err
		}
		word, rest, _ := strings.Cut(data, "\x00")
		words = append(words, word)
		data = rest
	}
	_, err = p.list(words, true)
	return err
}

func (p *parser) read(fd int) (string, error) {
	if p.o.ReadArgs == nil {
		return "", syscall.EBADF
	}
	r, err := p.o.ReadArgs(fd)
	if err != nil {
		return "", err
	}
	defer r.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(r, MaxArgBytes+1))
	if err == nil && len(data) > MaxArgBytes {
		err = syscall.E2BIG
	}
	return string(data), err
}
