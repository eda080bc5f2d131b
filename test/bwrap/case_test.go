package bwrap

import (
	"strings"

	"golang.org/x/sys/unix"
)

// sys shows the system's programs.
const sys = "--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"

// testCase is one command line.
type testCase struct {
	name string
	args string // options; see box.words
	// command replaces the program report: "-" for none at all.
	command string
	look    []string // paths for report; "+" lists a tree
	exit    int      // of report
	fds     map[int]string
	env     []string
	cwd     string
	umask   int
	signal  unix.Signal // sent to the launcher while report runs
	since   int         // the minor version that has the options
	only    string      // "root" or "user"
	// host: report is called by its name on the host, because the case shows
	// the whole root.
	host bool
}

// What fds may hold.
const (
	fdOut    = "out:"    // a file that takes what is written, and is compared
	fdData   = "data:"   // a file with this text; \0 is a NUL byte
	fdPath   = "path:"   // this path, opened for reading
	fdPipe   = "pipe:"   // a pipe that holds this text, its writing end closed
	fdWhole  = "filter:" // a seccomp filter that allows everything
	fdRefuse = "refuse:" // one that refuses uname(2)
)

type option func(*testCase)

func look(paths string) option { return func(c *testCase) { c.look = strings.Fields(paths) } }
func exit(code int) option     { return func(c *testCase) { c.exit = code } }
func env(v string) option      { return func(c *testCase) { c.env = append(c.env, v) } }
func cwd(dir string) option    { return func(c *testCase) { c.cwd = dir } }
func umask(m int) option       { return func(c *testCase) { c.umask = m } }
func run(command string) option {
	return func(c *testCase) { c.command = command }
}
func kill(s unix.Signal) option { return func(c *testCase) { c.signal = s } }
func since(minor int) option    { return func(c *testCase) { c.since = minor } }
func only(who string) option    { return func(c *testCase) { c.only = who } }
func onHost(c *testCase)        { c.host = true }

func fd(n int, what string) option {
	return func(c *testCase) {
		if c.fds == nil {
			c.fds = make(map[int]string)
		}
		c.fds[n] = what
	}
}

func c(name, args string, opts ...option) testCase {
	tc := testCase{name: name, args: args, cwd: "@W", umask: usualUmask}
	for _, o := range opts {
		o(&tc)
	}
	return tc
}

// refused is a case in which nothing is to start, whoever calls.
func refused(args string, opts ...option) testCase {
	return c("refused/"+args, args, append(opts, only("user"), func(c *testCase) {
		if c.command == "" {
			c.command = "/nothing"
		}
	})...)
}
