// Command lichen starts programs in sandboxes; see lichen(1).
//
// What it does at every start has a budget, in time and in page faults: no
// package-level maps, no goroutine that is not needed, and only the options of
// the command that was asked for. The runtime does not follow cgroup CPU limits,
// for which it would keep files open.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"

	"github.com/lichen-sandbox/lichen/spec"
)

// Exit statuses of lichen itself; every other one is the payload's.
const (
	exitOK            = 0
	exitTimeout       = 124
	exitFailed        = 125 // lichen failed before the payload ran
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // plus the number of the signal
)

// command is one word after "lichen".
type command struct {
	name    string
	args    string // after the options, in the usage line
	summary string
	// options returns the option table: a pointer to a struct whose tags
	// feed the parser, the help and the completion.
	options func() optionTable
	// operands is what completes its operands, as the tag "complete" does.
	operands string
	run      func(u *ui, args []string) int
	verbs    func() []verb // nil: the first operand is no verb
}

// commands lists them in the order of the help.
func commands() []command {
	return []command{
		{"run", "[--] [COMMAND [ARGUMENT]...]", "run a command in a sandbox", newOptions[sandboxOptions], "command", runCommand, nil},
		{"ps", "", "list the sandboxes that run", newOptions[psOptions], "", psCommand, nil},
		{"exec", "ID [--] COMMAND [ARGUMENT]...", "run a command in a sandbox that runs", newOptions[execOptions], "sandbox", execCommand, nil},
		{"kill", "ID... | --all", "end sandboxes, or send them a signal", newOptions[killOptions], "sandbox", killCommand, nil},
		{"plan", "[--] [COMMAND [ARGUMENT]...]", "print what run would do, and do nothing", newOptions[planOptions], "command", planCommand, nil},
		{"check", "PROFILE...", "check profiles against this host", newOptions[checkOptions], "profile", checkCommand, nil},
		{"profile", "list | show NAME | from-bwrap -- ARGUMENT...", "list the profiles, print one, or make one of bubblewrap's arguments", newOptions[profileOptions], "list show from-bwrap profile", profileCommand, nil},
		{"image", "VERB OPERAND...", "fetch, list, check, copy and make images", newOptions[imageOptions], "pull ls inspect config rm prune verify export copy commit unpack pack", imageCommand, nil},
		{"unit", "VERB OPERAND...", "make units of systemd from profiles, and profiles from units", newOptions[unitOptions], "generate import", unitCommand, nil},
		{"seccomp", "VERB OPERAND...", "look into system call filters, export and import them", newOptions[seccompOptions], "show explain diff export import groups disassemble profile", seccompCommand, seccompVerbs},
		{"doctor", "", "find out whether this host can make sandboxes", newOptions[doctorOptions], "", doctorCommand, nil},
		{"completion", "bash | zsh | fish", "print a completion script for a shell", newOptions[completionOptions], "bash zsh fish", completionCommand, nil},
	}
}

// newOptions returns a new table of type T.
func newOptions[T any, P interface {
	*T
	optionTable
}]() optionTable {
	return P(new(T))
}

func main() { os.Exit(dispatch(&ui{out: os.Stdout, err: os.Stderr}, os.Args[1:])) }

// dispatch carries out the command line and returns the exit status.
func dispatch(u *ui, args []string) int {
	if len(args) == 0 {
		return u.fail(usageError("", "no command is given"))
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(u, args[1:])
		}
	}
	switch args[0] {
	case "--version", "-V":
		return versionCommand(u, args[1:])
	case "--help", "-h", "help":
		return helpCommand(u, args[1:])
	}
	return u.fail(usageError("", "there is no command "+quote(args[0])))
}

// usageError is a mistake on the command line. name is the command, or "".
func usageError(name, reason string) error {
	help := "lichen --help"
	if name != "" {
		help = "lichen " + name + " --help"
	}
	return &spec.Error{Op: "read", Object: "the command line", Reason: reason, Hint: help + " lists what can be given"}
}
