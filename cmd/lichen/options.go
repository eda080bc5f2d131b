package main

import (
	"errors"
	"os"
	"strings"

	"github.com/jessevdk/go-flags"

	"github.com/lichen-sandbox/lichen/profile"
)

// sandboxOptions describe a sandbox. The tags are the one table of options:
// parser, help and completion are made from it, and a test compares it with
// the manual page. Every value is taken literally (unquote:"false"). The tag
// "complete" says what a value may be: words, or "file" or "profile" for one of
// those.
type sandboxOptions struct {
	Profile string `short:"p" long:"profile" value-name:"PROFILE" unquote:"false" complete:"profile" description:"profile to start from: a name, or a path with a slash (default: \"default\")"`

	Image      string  `long:"image" value-name:"REF" unquote:"false" description:"root file system from an image: debian:bookworm, oci:DIR, dir:DIR, and others (lichen-image(1))"`
	Pull       string  `long:"pull" value-name:"WHEN" unquote:"false" complete:"missing always never" description:"when to fetch the image (default: missing)"`
	Platform   string  `long:"platform" value-name:"OS/ARCH" unquote:"false" description:"platform of the image (default: the host's)"`
	Write      string  `long:"write" value-name:"WHERE" unquote:"false" complete:"none tmpfs" description:"what the program writes to the image: none (read-only, the default), tmpfs (discarded), or a directory that keeps it"`
	Size       string  `long:"size" value-name:"SIZE" unquote:"false" description:"room for that on a tmpfs (default: 1G)"`
	IDs        string  `long:"ids" value-name:"KIND" unquote:"false" complete:"single subuid fake" description:"ids in the image: single, subuid (ranges of subuid(5)), or fake (changing owners seems to work)"`
	Entrypoint *string `long:"entrypoint" value-name:"COMMAND" unquote:"false" description:"in place of the image's entry point; empty for none"`
	UID        *uint32 `long:"uid" value-name:"N" unquote:"false" description:"user id inside"`
	GID        *uint32 `long:"gid" value-name:"N" unquote:"false" description:"group id inside"`

	ReadOnly   []string `long:"ro" value-name:"PATH[:DEST][?]" unquote:"false" complete:"file" description:"show a path, read-only; a question mark at the end means that it may be missing"`
	ReadWrite  []string `long:"rw" value-name:"PATH[:DEST][?]" unquote:"false" complete:"file" description:"show a path, writable"`
	Tmpfs      []string `long:"tmpfs" value-name:"PATH[:OPTIONS]" unquote:"false" complete:"file" description:"put an empty tree in memory there (options: size=64M, mode=0755, noexec)"`
	Hide       []string `long:"hide" value-name:"PATH[?]" unquote:"false" complete:"file" description:"cover a path with something empty"`
	NoExec     []string `long:"noexec" value-name:"PATH[?]" unquote:"false" complete:"file" description:"nothing at or below the path can be executed"`
	BindList   []string `long:"bind-list" value-name:"FILE|fd:N" unquote:"false" complete:"file" description:"more --ro entries, separated by NUL bytes, from a file or a descriptor"`
	BindListRW []string `long:"bind-list-rw" value-name:"FILE|fd:N" unquote:"false" complete:"file" description:"more --rw entries, likewise"`
	Remove     []string `long:"remove" value-name:"ENTRY" unquote:"false" description:"take an entry of the profile away, like remove in a profile"`

	Env       []string `long:"env" value-name:"NAME[=VALUE]" unquote:"false" description:"keep an environment variable, or set one"`
	Net       string   `long:"net" value-name:"MODE" unquote:"false" complete:"none host" description:"network: none (only its own loopback) or host"`
	Isolation string   `long:"isolation" value-name:"KIND" unquote:"false" complete:"namespaces landlock" description:"namespaces, or landlock where the host forbids those"`
	Cwd       string   `long:"cwd" value-name:"DIR" unquote:"false" complete:"file" description:"working directory inside"`
	Hostname  string   `long:"hostname" value-name:"NAME" unquote:"false" description:"host name inside"`
	Umask     string   `long:"umask" value-name:"MASK" unquote:"false" description:"file mode creation mask, in octal"`
	Limits    []string `long:"limit" value-name:"NAME=VALUE" unquote:"false" description:"resource limit: of each process, SOFT[:HARD] (nofile=4096, as=4G, core=0), or of the sandbox (memory_max=512M, pids_max=100, output=1M)"`
	KeepFDs   []int    `long:"keep-fd" value-name:"N" unquote:"false" description:"pass an open descriptor on"`

	SeccompAllow []string `long:"seccomp-allow" value-name:"CALL|@GROUP" unquote:"false" description:"allow a system call or a group of them"`
	SeccompDeny  []string `long:"seccomp-deny" value-name:"CALL|@GROUP" unquote:"false" description:"refuse a system call or a group of them"`

	NewSession   bool `long:"new-session" description:"a session of its own, without the caller's terminal"`
	PTY          bool `long:"pty" description:"a terminal of the sandbox's own: the caller's stays out of reach"`
	Linger       bool `long:"linger" description:"stay until every process inside has ended, not only the first"`
	ExitBySignal bool `long:"exit-by-signal" description:"end by the signal that has ended the command, instead of with 128 and its number"`
	Nested       bool `long:"nested" description:"let the command make sandboxes of its own; gives up Landlock's file-system rules"`

	Timeout   string `long:"timeout" value-name:"TIME" unquote:"false" description:"send SIGTERM after this time (30s, 5m, 1h) and exit with 124"`
	KillAfter string `long:"kill-after" value-name:"TIME" unquote:"false" description:"time from that SIGTERM to SIGKILL (default: 10s)"`
	Stats     string `long:"stats" value-name:"FILE|fd:N" unquote:"false" complete:"file" description:"at the end, write what was used: time, memory, input and output"`
	Name      string `long:"name" value-name:"NAME" unquote:"false" description:"name in lichen ps, exec and kill (default: one is chosen)"`
	StatusFD  *int   `long:"status-fd" value-name:"N" unquote:"false" description:"write what happens to a descriptor, as lines of JSON"`

	helpOption
}

// helpOption is in every table.
type helpOption struct {
	Help bool `short:"h" long:"help" description:"print this help"`
}

func (h *helpOption) helpWanted() bool { return h.Help }

// optionTable is a struct of options.
type optionTable interface{ helpWanted() bool }

// newParser makes the parser of one command.
func newParser(name string, table any, mode flags.Options) (*flags.Parser, error) {
	p := flags.NewNamedParser("lichen "+name, flags.PassDoubleDash|mode)
	_, err := p.AddGroup("Options", "", table)
	return p, err
}

// optionsOf lists the options of a parser.
func optionsOf(p *flags.Parser) []*flags.Option {
	var all []*flags.Option
	for _, g := range p.Groups() {
		all = append(all, g.Options()...)
	}
	return all
}

// parse fills table from args and returns what is left.
func parse(name string, table optionTable, mode flags.Options, args []string) ([]string, error) {
	// go-flags would take this as an order to print completions instead.
	if value, ok := os.LookupEnv("GO_FLAGS_COMPLETION"); ok {
		os.Unsetenv("GO_FLAGS_COMPLETION")
		defer os.Setenv("GO_FLAGS_COMPLETION", value)
	}
	p, err := newParser(name, table, mode)
	if err != nil {
		return nil, usageError(name, err.Error())
	}
	rest, err := p.ParseArgs(args)
	if err != nil {
		return nil, usageError(name, parseReason(err))
	}
	// An unset variable in a script: --image "$IMAGE" without one would run the
	// command on the host's files.
	for _, o := range optionsOf(p) {
		if value, ok := o.Value().(string); ok && value == "" && o.IsSet() {
			return nil, usageError(name, "--"+o.LongName+" is given nothing")
		}
	}
	return rest, nil
}

// parseReason puts the parser's message into this program's words: options,
// in straight quotes.
func parseReason(err error) string {
	var e *flags.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	s := strings.ReplaceAll(e.Message, "`", "'")
	return strings.Replace(s, "flag '", "option '", 1)
}

// overrides are the options as the last layer of a profile.
func (o *sandboxOptions) overrides(command []string) (*profile.Overrides, error) {
	over := &profile.Overrides{
		Remove: o.Remove, ReadOnly: o.ReadOnly, ReadWrite: o.ReadWrite, Hide: o.Hide, NoExec: o.NoExec, Tmpfs: o.Tmpfs,
		Env: o.Env, Limits: o.Limits, KeepFDs: o.KeepFDs, AllowSys: o.SeccompAllow, DenySys: o.SeccompDeny,
		Net: o.Net, Isolation: o.Isolation, Cwd: o.Cwd, Hostname: o.Hostname, Umask: o.Umask,
		Image: o.Image, Pull: o.Pull, Platform: o.Platform, Write: o.Write, Size: o.Size, IDs: o.IDs, Entrypoint: o.Entrypoint, UID: o.UID, GID: o.GID,
		Timeout: o.Timeout, KillAfter: o.KillAfter,
		PTY: o.PTY, ExitBySignal: o.ExitBySignal, NewSession: o.NewSession, Linger: o.Linger, Nesting: o.Nested, Command: command,
	}
	var err error
	if over.ReadOnly, err = readBindLists(over.ReadOnly, o.BindList); err != nil {
		return nil, err
	}
	over.ReadWrite, err = readBindLists(over.ReadWrite, o.BindListRW)
	return over, err
}
