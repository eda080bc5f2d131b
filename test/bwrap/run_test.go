package bwrap

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// observation is what one run shows, field by field.
type observation map[string]string

// deadline bounds one run.
const deadline = 10 * time.Second

// runOnce runs a case and returns all that can be seen of it.
func runOnce(t *testing.T, tc *testCase, p program, uid int) observation {
	t.Helper()
	b := newBox(t, uid)
	o := make(observation)
	ours, theirs := socketPair(b)
	defer ours.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd, outs := b.command(ctx, tc, p)
	cmd.Stdout = theirs
	stderr := b.temp("stderr")
	cmd.Stderr = stderr
	old := umaskFor(tc.umask)
	err := cmd.Start()
	old()
	theirs.Close()
	b.check(err)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	text, err := b.talk(ours, tc, cmd.Process.Pid, done, o)
	if ctx.Err() != nil {
		o["ended"] = "never"
	}
	o["exit"] = status(err)
	if strings.HasPrefix(tc.name, "left/") {
		o["stdout afterwards"] = b.held(ours)
	}
	o["stdout"] = b.plain(text)
	if first, _, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "usage: ") {
		o["stdout"] = first // each has its own words
	}
	o["stderr"] = b.firstLine(stderr)
	for n, f := range outs {
		documents(o, "fd "+strconv.Itoa(n)+" got", b.content(f))
	}
	b.files(o)
	return o
}

func status(err error) string {
	var e *exec.ExitError
	switch {
	case err == nil:
		return "0"
	case !errors.As(err, &e):
		return err.Error()
	}
	if ws := e.Sys().(syscall.WaitStatus); ws.Signaled() {
		return "signal " + ws.Signal().String()
	}
	return strconv.Itoa(e.ExitCode())
}

func socketPair(b *box) (ours, theirs *os.File) {
	b.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	b.check(err)
	b.check(unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
	wait := unix.Timeval{Usec: 20_000}
	b.check(unix.SetsockoptTimeval(fds[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait))
	return os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
}

func (b *box) command(ctx context.Context, tc *testCase, p program) (*exec.Cmd, map[int]*os.File) {
	b.t.Helper()
	args := b.words(tc.args)
	switch {
	case tc.command == "-":
	case tc.command != "":
		args = append(args, b.words(tc.command)...)
	case tc.host:
		args = append(args, "--", reportBin+"/report", strconv.Itoa(tc.exit))
		args = append(args, b.words(strings.Join(tc.look, " "))...)
	default:
		args = append([]string{"--ro-bind", reportBin, "/.report"}, args...)
		args = append(args, "--", "/.report/report", strconv.Itoa(tc.exit))
		args = append(args, b.words(strings.Join(tc.look, " "))...)
	}
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Args[0] = "bwrap"
	cmd.Dir = b.words(tc.cwd)[0]
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/usr/share", "PWD=" + cmd.Dir, "CANARY=1"}
	for _, e := range tc.env {
		if e == "-" {
			cmd.Env = nil
			continue
		}
		cmd.Env = append(cmd.Env, b.words(e)...)
	}
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if b.uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(b.uid), Gid: uint32(gidOf(b.uid))}
	}
	cmd.WaitDelay = time.Second
	outs := b.descriptors(tc, cmd)
	return cmd, outs
}

// descriptors opens what the case asks for, each under its number.
func (b *box) descriptors(tc *testCase, cmd *exec.Cmd) map[int]*os.File {
	b.t.Helper()
	outs := make(map[int]*os.File)
	for n, what := range tc.fds {
		var f *os.File
		var err error
		kind, rest, _ := strings.Cut(what, ":")
		rest = strings.ReplaceAll(rest, `\0`, "\x00")
		switch kind + ":" {
		case fdOut:
			f = b.temp("out")
			outs[n] = f
		case fdData:
			f = b.holding(rest)
		case fdPath:
			f, err = os.Open(b.words(rest)[0])
		case fdPipe:
			var w *os.File
			f, w, err = os.Pipe()
			b.check(err)
			_, err = w.WriteString(rest)
			w.Close()
		case fdWhole:
			f = b.holding(filter(allow))
		case fdRefuse:
			f = b.holding(refuseUname())
		}
		b.check(err)
		b.t.Cleanup(func() { f.Close() })
		if n == 0 {
			cmd.Stdin = f
			continue
		}
		for len(cmd.ExtraFiles) < n-2 {
			cmd.ExtraFiles = append(cmd.ExtraFiles, nil)
		}
		cmd.ExtraFiles[n-3] = f
	}
	return outs
}

// temp makes an open file without a name.
func (b *box) temp(name string) *os.File {
	b.t.Helper()
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	b.check(err)
	f := os.NewFile(uintptr(fd), name)
	b.t.Cleanup(func() { f.Close() })
	return f
}

func (b *box) holding(text string) *os.File {
	b.t.Helper()
	f := b.temp("data")
	_, err := f.WriteString(text)
	b.check(err)
	_, err = f.Seek(0, 0)
	b.check(err)
	return f
}

func (b *box) content(f *os.File) string {
	b.t.Helper()
	info, err := f.Stat()
	b.check(err)
	text := make([]byte, info.Size())
	_, err = f.ReadAt(text, 0)
	b.check(err)
	return string(text)
}

func (b *box) firstLine(f *os.File) string {
	line, _, _ := strings.Cut(b.content(f), "\n")
	return b.plain(line)
}

// talk reads what comes on stdout. When it is a report, its process is looked
// at from outside, and then told to go on.
func (b *box) talk(ours *os.File, tc *testCase, launcher int, done <-chan error, o observation) (string, error) {
	b.t.Helper()
	var text strings.Builder
	buf, oob := make([]byte, 1<<16), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	var ended bool
	var result error
	for {
		n, oobn, _, _, err := unix.Recvmsg(int(ours.Fd()), buf, oob, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			if ended {
				return text.String(), result
			}
		case err != nil || n == 0:
			if !ended {
				result = <-done
			}
			return text.String(), result
		default:
			text.Write(buf[:n])
			if before, report, ok := strings.Cut(text.String(), `{"uid"`); ok && strings.HasSuffix(report, "}\n") {
				b.reported(`{"uid"`+report, sender(oob[:oobn]), launcher, o)
				text.Reset()
				text.WriteString(before)
				b.release(ours, tc, sender(oob[:oobn]), launcher, o)
			}
		}
		if !ended {
			select {
			case result = <-done:
				ended = true
			default:
			}
		}
	}
}

// held says whether somebody still has the payload's stdout when the launcher has
// ended. What ends together with it has a moment for that.
func (b *box) held(ours *os.File) string {
	var buf [1]byte
	for range 20 { // times the receive timeout
		n, _, _, _, err := unix.Recvmsg(int(ours.Fd()), buf[:], nil, 0)
		if err == nil && n == 0 {
			return "closed"
		}
	}
	return "held"
}

// release lets report end, or signals its launcher instead.
func (b *box) release(ours *os.File, tc *testCase, pid, launcher int, o observation) {
	if tc.signal == 0 {
		unix.Write(int(ours.Fd()), []byte{0}) // it may have been killed
		return
	}
	b.check(unix.Kill(launcher, tc.signal))
	o["after the signal"] = "the payload lives"
	for range 100 {
		time.Sleep(10 * time.Millisecond)
		if stat := procStat(strconv.Itoa(pid)); len(stat) <= 2 || stat[2] == "Z" {
			o["after the signal"] = "the payload is gone"
			break
		}
	}
	unix.Kill(pid, unix.SIGKILL)
}

func sender(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range messages {
		if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return int(cred.Pid)
		}
	}
	return 0
}

func (b *box) reported(report string, pid, launcher int, o observation) {
	b.t.Helper()
	var fields map[string]string
	if err := json.Unmarshal([]byte(report), &fields); err != nil {
		b.t.Fatalf("report: %v\n%s", err, report)
	}
	if fields["pid"] != "" {
		var self, parent int
		fmt.Sscan(fields["pid"], &self, &parent)
		fields["pid"] = "of the host"
		if self < 10 {
			fields["pid"] = strconv.Itoa(self) + ", parent " + strconv.Itoa(parent)
		}
	}
	for k, v := range fields {
		o[b.plain(k)] = b.plain(v)
	}
	b.outside(pid, launcher, o)
}

// documents notes the keys and kinds of JSON objects, and the text around
// their numbers.
func documents(o observation, name, text string) {
	o[name] = number.ReplaceAllString(text, "N")
	d := json.NewDecoder(strings.NewReader(text))
	for i := 0; ; i++ {
		var object map[string]any
		if err := d.Decode(&object); err != nil {
			return
		}
		for k, v := range object {
			kind := fmt.Sprintf("%T", v)
			if k == "exit-code" {
				kind = fmt.Sprint(v)
			}
			o[fmt.Sprintf("%s, object %d, %s", name, i, k)] = kind
		}
	}
}

// Classic BPF, as --seccomp takes it.
const allow = 0x7fff0000

func filter(result uint32) string { return instruction(0x06, 0, 0, result) }

func refuseUname() string {
	return instruction(0x20, 0, 0, 0) + instruction(0x15, 0, 1, unix.SYS_UNAME) + filter(0x00050000|uint32(unix.EACCES)) + filter(allow)
}

func instruction(code uint16, jt, jf byte, k uint32) string {
	b := binary.NativeEndian.AppendUint16(nil, code)
	return string(binary.NativeEndian.AppendUint32(append(b, jt, jf), k))
}
