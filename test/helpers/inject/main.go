// Command inject starts the plan of a shipped profile with one thing wrong.
//
//	inject -fail …            make every op fail once, one line of JSON each
//	inject -stop N … -- CMD   hold the sandbox before op N until it is killed
//	inject -count …           print the number of ops, of those before execve, and before how many
//	                          no payload runs without its launcher
//
// It is a program of its own because a sandbox ends with the thread that
// started it, and because tests kill it.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

var (
	name   = flag.String("profile", "default", "`name` of the profile")
	ids    = flag.String("ids", "single", "ids inside: single, subuid or fake")
	grant  = flag.String("ro", "", "`path` to show inside")
	writes = flag.String("rw", "", "`path` to show inside, writable")
	fail   = flag.Bool("fail", false, "make every op fail once")
	stop   = flag.Int("stop", -1, "hold before this `op`")
	pty    = flag.Bool("pty", false, "a terminal of its own")
	length = flag.Duration("for", 0, "how long to hold it, instead of until it or the launcher is killed")
	count  = flag.Bool("count", false, "print numbers of ops: all, before execve, and before which no payload runs without its launcher")
)

func main() {
	flag.Parse()
	switch p := compile(); {
	case *fail:
		failAll(p)
	case *count:
		fmt.Println(p.Len(), p.Base(plan.Supervise), lastQuestion(p))
	default:
		hold(p, *stop)
	}
}

// lastQuestion is the index of the op after which nobody asks any more whether the
// launcher is there, before the payload runs: the next one to notice is PID 1, when
// it runs again. With a pid namespace PID 1 is killed along with the launcher.
func lastQuestion(p *plan.Plan) int {
	end := p.Base(plan.Supervise)
	if !p.KillStrays {
		return end
	}
	for i := end - 1; i > 0; i-- {
		if op, _, _ := p.At(i); op.Nr == unix.SYS_RECVFROM {
			return i + 1
		}
	}
	panic("nobody asks")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
		os.Exit(1)
	}
}

func compile() *plan.Plan {
	l := &profile.Loader{Builtin: profiles.FS}
	o := &profile.Overrides{Command: flag.Args(), PTY: *pty}
	if *grant != "" {
		o.ReadOnly = []string{*grant}
	}
	if *writes != "" {
		o.ReadWrite = []string{*writes}
	}
	loaded, err := l.LoadWith(*name, o)
	check(err)
	loaded.Spec.Rootfs.IDs = map[string]spec.IDs{"single": spec.IDsSingle, "subuid": spec.IDsSubuid, "fake": spec.IDsFake}[*ids]
	p, err := sandbox.Compile(loaded.Spec, feature.Gather(os.Environ()))
	check(err)
	return p
}

// clone copies a plan, so that its ops can be changed.
func clone(p *plan.Plan) *plan.Plan {
	c := *p
	for i := range c.Ops {
		c.Ops[i] = append([]plan.Op(nil), p.Ops[i]...)
	}
	c.Arena = append([]byte(nil), p.Arena...)
	return &c
}

// noCall is a number that no kernel gives to a system call.
const noCall = 4095

// report is what one failure looked like.
type report struct {
	Op      int    `json:"op"`
	Section string `json:"section"`
	Note    string `json:"note"` // what the message has to say
	Call    string `json:"call"` // what fails

	Error    string `json:"error"`
	Failed   int    `json:"failed"` // the op that was blamed
	Code     string `json:"code"`
	FDs      string `json:"fds"`
	Children string `json:"children"`
}

func failAll(p *plan.Plan) {
	// Whatever a failed sandbox leaves behind becomes a child.
	check(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	time.Sleep(time.Millisecond) // the runtime opens what its timers need
	try(clone(p), report{Op: -1})
	for i := range p.Len() {
		c := clone(p)
		op, section, _ := c.At(i)
		note := c.Notes[op.Note]
		r := report{Op: i, Section: section.String(), Note: note.Op + " " + note.Object, Call: plan.CallName(op.Nr)}
		op.Nr, op.Tolerate = noCall, [4]uint16{}
		if section == plan.Supervise {
			// The payload runs by now: give it time to do its worst.
			insert(c, i, pause(c, 0, 100e6)[1:])
			r.Op++
		}
		try(c, r)
	}
	c := clone(p)
	c.PayloadFlags |= unix.CLONE_NEWNS | unix.CLONE_FS // EINVAL
	try(c, report{Op: p.Base(plan.Payload), Section: "clone of the payload", Note: "start the payload's process"})
	c = clone(p)
	c.CloneFlags |= unix.CLONE_THREAD // EINVAL
	try(c, report{Op: -1, Section: "clone of PID 1", Note: "make the namespaces"})
}

// try starts a plan and writes what came of it.
func try(p *plan.Plan, r report) {
	before := openFDs()
	process, err := sandbox.Start(p, sandbox.Options{})
	if err == nil {
		err = process.Started()
	}
	if err == nil {
		_, err = process.Wait()
		if *pty {
			unix.Close(process.Terminal.Master)
			unix.Close(process.Terminal.Peer)
		}
	}
	if err != nil {
		r.Error = err.Error()
		var f *sandbox.Failure
		if errors.As(err, &f) {
			r.Failed, r.Code = f.Op, string(f.Code)
		}
	}
	if after := openFDs(); after != before {
		r.FDs = before + " became " + after
	}
	r.Children = survivors()
	b, err := json.Marshal(r)
	check(err)
	fmt.Println(string(b))
}

// survivors reaps what has ended, and names a process that has not.
func survivors() string {
	for range 250 {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err == unix.ECHILD {
			return ""
		}
		if pid == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	entries, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children")
	check(err)
	for pid := range strings.FieldsSeq(string(entries)) {
		n, err := strconv.Atoi(pid)
		check(err)
		check(unix.Kill(n, unix.SIGKILL))
		_, err = unix.Wait4(n, nil, 0, nil)
		check(err)
	}
	return "processes " + string(entries)
}

func openFDs() string {
	entries, err := os.ReadDir("/proc/self/fd")
	check(err)
	var fds []int
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		check(err)
		if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil {
			fds = append(fds, n)
		}
	}
	sort.Ints(fds)
	return fmt.Sprint(fds)
}

// untied reports whether the sandbox is held, before op n, where the kernel
// does not end it along with its launcher: before it has asked for that, in the
// first moment of the payload's process, and while PID 1 prepares to end what
// is below it. There it has to notice by itself, once it goes on.
func untied(p *plan.Plan, n int) bool {
	tied, cleared := 0, p.Len()
	for i, op := range p.Ops[plan.Setup] {
		if op.Nr != unix.SYS_PRCTL || op.Args[0] != unix.PR_SET_PDEATHSIG {
			continue
		}
		if op.Args[1] != 0 {
			tied = i + 1
		} else {
			cleared = i + 1
		}
	}
	return n < tied || n >= cleared || n == p.Base(plan.Payload) || n >= p.Base(plan.Supervise)
}

// hold starts p with a pause before op n: it says "held" and waits.
func hold(p *plan.Plan, n int) {
	switch {
	case n < 0:
	case *length > 0:
		insert(p, n, pause(p, 0, uint64(length.Nanoseconds())))
	case !untied(p, n):
		insert(p, n, pause(p, 60, 0))
	case n <= closesPeer(p):
		// It has the launcher's end of the socket itself, and cannot see it close.
		insert(p, n, pause(p, 2, 0))
	default:
		insert(p, n, untilAlone(p))
	}
	process, err := sandbox.Start(p, sandbox.Options{})
	check(err)
	fmt.Println("pid", process.PID)
	check(process.Started())
	fmt.Println("started")
	_, err = process.Wait()
	check(err)
}

// pause returns two ops: a word on standard output, and a wait.
func pause(p *plan.Plan, seconds, nanoseconds uint64) []plan.Op {
	for len(p.Arena)%8 != 0 {
		p.Arena = append(p.Arena, 0)
	}
	word := uint64(len(p.Arena))
	p.Arena = append(p.Arena, "held...\n"...)
	at := uint64(len(p.Arena))
	p.Arena = binary.NativeEndian.AppendUint64(p.Arena, seconds)
	p.Arena = binary.NativeEndian.AppendUint64(p.Arena, nanoseconds)
	return []plan.Op{
		// EBADF, EINVAL: PID 1 has already given up its standard output.
		{Nr: unix.SYS_WRITE, Args: [6]uint64{1, word, 8}, Pointers: 2, Result: plan.NoSlot, Tolerate: [4]uint16{uint16(unix.EBADF), uint16(unix.EINVAL)}},
		{Nr: unix.SYS_PPOLL, Args: [6]uint64{0, 0, at, 0, 8}, Pointers: 4, Result: plan.NoSlot, Tolerate: [4]uint16{uint16(unix.EINTR)}},
	}
}

// closesPeer is the index of the op that closes PID 1's copy of the launcher's end
// of the control socket.
func closesPeer(p *plan.Plan) int {
	for i, op := range p.Ops[plan.Setup] {
		if op.Nr == unix.SYS_CLOSE && op.Slots == 1 && op.Args[0] == uint64(plan.SlotPeer) {
			return i
		}
	}
	panic("nothing closes the launcher's end")
}

// untilAlone is pause until the launcher's end of the control socket is closed.
func untilAlone(p *plan.Plan) []plan.Op {
	ops := pause(p, 60, 0)
	poll := uint64(len(p.Arena))
	p.Arena = binary.NativeEndian.AppendUint32(p.Arena, 0) // the descriptor
	p.Arena = binary.NativeEndian.AppendUint32(p.Arena, unix.POLLIN)
	wait := &ops[1]
	wait.Args[0], wait.Args[1] = poll, 1
	wait.Pointers |= 1
	control := plan.Op{Nr: unix.SYS_FCNTL, Args: [6]uint64{uint64(plan.SlotControl), unix.F_DUPFD_CLOEXEC, 0}, Slots: 1,
		Result: plan.NoSlot, Store: uint32(poll)}
	return []plan.Op{control, ops[0], *wait}
}

func insert(p *plan.Plan, n int, ops []plan.Op) {
	for s := range p.Ops {
		if n < len(p.Ops[s]) {
			p.Ops[s] = append(p.Ops[s][:n:n], append(ops, p.Ops[s][n:]...)...)
			return
		}
		n -= len(p.Ops[s])
	}
}
