package test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestServiceDirectories: directories that the manager names are there, writable or
// not as they are meant, and what lies beside them is not.
func TestServiceDirectories(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		var env []string
		for name, dir := range map[string]string{
			"RUNTIME_DIRECTORY": "/runtime/a:/runtime/b", "STATE_DIRECTORY": "/home/.local/state/a", "CACHE_DIRECTORY": "/home/.cache/a",
			"LOGS_DIRECTORY": "/home/.local/state/log/a", "CONFIGURATION_DIRECTORY": "/home/.config/a", "CREDENTIALS_DIRECTORY": "/runtime/credentials",
		} {
			var list []string
			for d := range strings.SplitSeq(dir, ":") {
				list = append(list, b.mkdir(b.dir+d))
				b.file(b.dir+d+"/there", name)
			}
			env = append(env, name+"="+strings.Join(list, ":"))
		}
		b.file(b.home+"/.local/state/secret", canary)
		b.file(b.dir+"/runtime/secret", canary)
		const script = `
for d in $RUNTIME_DIRECTORY $STATE_DIRECTORY $CACHE_DIRECTORY $LOGS_DIRECTORY $CONFIGURATION_DIRECTORY $CREDENTIALS_DIRECTORY; do
	IFS=:
	for p in $d; do cat $p/there; echo x 2>/dev/null >$p/new && echo " writable" || echo " read-only"; done
done
ls $STATE_DIRECTORY/..
cat $STATE_DIRECTORY/../secret ${RUNTIME_DIRECTORY%%:*}/../secret`
		const want = `RUNTIME_DIRECTORY writable
RUNTIME_DIRECTORY writable
STATE_DIRECTORY writable
CACHE_DIRECTORY writable
LOGS_DIRECTORY writable
CONFIGURATION_DIRECTORY read-only
CREDENTIALS_DIRECTORY read-only
a
log
`
		run := append(lichenArgs("run", "-p", "service"), "--", "sh", "-c", script)
		o := b.do(command{args: run, env: env})
		if o.code != 1 || o.stdout != want || strings.Count(o.stderr, "No such file") != 2 {
			t.Errorf("%+v, want %s", o, want)
		}
		if got := readFile(b, b.home+"/.local/state/a/new"); got != "x\n" {
			t.Errorf("the state is %q", got)
		}
		if o := b.do(command{args: append(lichenArgs("run", "-p", "default"), "--", "sh", "-c", `test -z "$STATE_DIRECTORY" && ls `+b.home+"/.local/state"), env: env}); o.code == 0 {
			t.Errorf("not asked for: %+v", o)
		}
		for bad, want := range map[string]string{"/": "STATE_DIRECTORY", b.home: "the home directory", "relative": "absolute", b.home + "/.config/lichen": "decides what the next run may do"} {
			b.fails(b.do(command{args: run, env: []string{"STATE_DIRECTORY=" + bad}}), 125, want, "service:")
		}
	})
}

// TestJournalStream: the variable gets in where the payload's own standard output or
// error is what it names.
func TestJournalStream(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		r, w, err := os.Pipe()
		b.check(err)
		defer r.Close()
		defer w.Close()
		var st unix.Stat_t
		b.check(unix.Fstat(int(w.Fd()), &st))
		ours := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
		const script = `echo "[$JOURNAL_STREAM]"`
		for _, c := range []struct {
			stream, want string
			options      []string
			stderr       *os.File
		}{
			{ours, "[" + ours + "]", []string{"-p", "service"}, w},
			{ours, "[]", []string{"-p", "service"}, nil},
			{"8:1", "[]", []string{"-p", "service"}, w},
			{"junk", "[]", []string{"-p", "service"}, w},
			{ours, "[]", []string{"-p", "default"}, w},
			{ours, "[" + ours + "]", []string{"-p", "default", "--env", "JOURNAL_STREAM"}, w},
		} {
			args := append(append(lichenArgs("run"), c.options...), "--", "sh", "-c", script)
			o := b.do(command{args: args, env: []string{"JOURNAL_STREAM=" + c.stream}, stderr: c.stderr})
			if o.code != 0 || o.stdout != c.want+"\n" {
				t.Errorf("%s %v: %+v, want %s", c.stream, c.options, o, c.want)
			}
		}
	})
}

// TestManagersVariables: those that name processes and files of the host's do not
// get in, whatever the profile keeps, and the others do.
func TestManagersVariables(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		profile := b.profile("version = 1\nextends = ['service']\n[env]\nkeep = ['*']\n")
		env := []string{"INVOCATION_ID=4711", "MANAGERPID=1", "SYSTEMD_EXEC_PID=1", "MEMORY_PRESSURE_WATCH=/sys/fs/cgroup/x", "MEMORY_PRESSURE_WRITE=eA==", "LISTEN_PIDFDID=5"}
		const script = `env | grep -e INVOCATION -e PID= -e PRESSURE -e PIDFD | sed "s/=$$\$/=own/" | sort`
		if o := b.do(command{args: append(lichenArgs("run", "-p", profile), "--", "sh", "-c", script), env: env}); o.stdout != "INVOCATION_ID=4711\n" {
			t.Errorf("%+v", o)
		}
		run := append([]string{"sh", "-c", `export SYSTEMD_EXEC_PID=$$; exec "$@"`, "sh"}, append(lichenArgs("run", "-p", profile), "--", "sh", "-c", script)...)
		if o := b.do(command{args: run, env: env}); o.stdout != "INVOCATION_ID=4711\nSYSTEMD_EXEC_PID=own\n" {
			t.Errorf("own: %+v", o)
		}
	})
}

// TestJournalSocket: the service profile opens the way to the journal where there is
// one. The socket here is the test's own, at another place.
func TestJournalSocket(t *testing.T) {
	python := pythonInside(t)
	forUsers(t, func(t *testing.T, b *box) {
		n := notifySocket(b, b.dir+"/journal")
		profile := b.profile(`version = 1
extends = ['service']
remove = ['mount:/dev/log']
[[mount]]
type = 'bind'
source = '` + n.address + `'
target = '/dev/log'
options = ['socket']
`)
		o := b.do(command{args: append(lichenArgs("run", "-p", profile), "--", python, "-c", `import syslog; syslog.openlog('svc'); syslog.syslog('hello from inside')`)})
		if o.code != 0 {
			t.Fatalf("%+v", o)
		}
		if m, ok := n.within(0); !ok || !strings.HasSuffix(strings.TrimRight(m.text, "\n\x00"), "hello from inside") {
			t.Errorf("%+v", m)
		}
	})
}
