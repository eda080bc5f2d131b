// Command lichen-tools is the part of lichen that no start of a sandbox pays
// for: it fetches, unpacks and looks after images, talks to service managers, and
// makes and reads their units. lichen(1) starts it for "lichen image" and
// "lichen unit"; see lichen-image(1) and lichen-unit(1).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/output"
	"github.com/lichen-sandbox/lichen/image/unpacker"
	"github.com/lichen-sandbox/lichen/image/upkeep"
	"github.com/lichen-sandbox/lichen/spec"
)

// Exit statuses, as those of lichen.
const (
	exitOK     = 0
	exitFailed = 125
)

func main() {
	// Before all else: these have no environment and no file but their own.
	for _, w := range workers() {
		if len(os.Args) > 0 && os.Args[0] == w.name {
			os.Exit(w.run())
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// The second signal ends the process as it would have without this.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, &ui{out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}

// worker is a process that this program starts of itself, to handle bytes of
// strangers. name is its argv[0].
type worker struct {
	name string
	run  func() int
}

func workers() []worker {
	return []worker{
		{unpacker.Name, unpacker.Worker},
		{output.Name, output.Worker},
		{upkeep.Name, upkeep.Worker},
	}
}

// dispatch carries out the command line and returns the exit status.
func dispatch(ctx context.Context, u *ui, args []string) int {
	if len(args) == 0 {
		return u.fail(usageError("", "no command is given"))
	}
	switch args[0] {
	case "image":
		return imageFamily().command(ctx, u, args[1:])
	case "unit":
		return unitFamily().command(ctx, u, args[1:])
	case "scope":
		return scopeCommand(ctx, u, args[1:])
	case "delegated":
		return delegatedCommand(ctx, u, args[1:])
	case "--version", "-V":
		return versionCommand(u, args[1:])
	case "--help", "-h", "help":
		return u.print(imageFamily().overview())
	}
	return u.fail(usageError("", "there is no command "+quote(args[0])))
}

// usageError is a mistake on the command line. verb is the word after "image",
// or "", or "unit" and the word after it.
func usageError(verb, reason string) error {
	return &spec.Error{Op: "read", Object: "the command line", Reason: reason, Hint: commandOf(verb) + " --help lists what can be given"}
}
