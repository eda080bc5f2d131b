package profile

import (
	"strconv"
	"strings"
	"testing"
)

// TestDecodeErrors has a row for each mistake in one file. The text begins on
// line 2; line is where the error must point.
func TestDecodeErrors(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
		want, hint string
	}{
		{"unknown key", "\n[process]\ncmd = ['x']", 4, "key process.cmd: unknown key", `did you mean "cwd"?`},
		{"misspelt key", "[process]\ncomand = ['x']", 3, "key process.comand: unknown key", `did you mean "command"?`},
		{"swapped letters", "[fs]\nor = []", 3, "unknown key", `did you mean "ro"?`},
		{"key of another table", "[process]\nnofile = 3", 3, "unknown key", `did you mean "limits.nofile"?`},
		{"key outside of its table", "cwd = '/'", 2, "key cwd: unknown key", `did you mean "process.cwd"?`},
		{"unknown table", "[proces]\ncwd = '/'", 2, "table proces: unknown table", `did you mean "process"?`},
		{"unknown table of tables", "[[mounts]]\n", 2, "key mounts: unknown key", `did you mean "mount"?`},
		{"key with a terminal escape", "\"\x1b[31m\" = 1", 2, "parse TOML", ""},
		{"unknown limit", "[limits]\nnofiles = 3", 3, "key limits.nofiles: unknown key", `did you mean "nofile"?`},
		{"a table that is none", "process = 3", 2, "process: want a table, not an integer", ""},
		{"a list that is none", "[fs]\nro = '/usr'", 3, "fs.ro: want an array, not a string", "in brackets"},
		{"a number in a list of strings", "[fs]\nro = [\n'/usr',\n3,\n]", 5, "fs.ro: want a string, not an integer", "write it in quotes"},
		{"a string for a boolean", "[process]\nlinger = 'yes'", 3, "process.linger: want true or false, not a string", "without quotes"},
		{"a string for an integer", "[process]\nuid = '0'", 3, "process.uid: want an integer, not a string", "without quotes"},
		{"an integer for a mode", "[process]\numask = 22", 3, "process.umask: want a string, not an integer", "write it in quotes"},
		{"a float", "[process]\nuid = 1.5", 3, "not a float", ""},
		{"a date", "[process]\nuid = 1979-05-27", 3, "not a date", ""},
		{"a table for a string", "[process]\ncwd = {}", 3, "process.cwd: want a string, not a table", "write it in quotes"},
		{"command as a string", "[process]\ncommand = 'ls -l'", 3, "process.command: want an array of strings", "in brackets"},
		{"command with a number", "[process]\ncommand = ['ls', 1]", 3, "want a string", "in quotes"},
		{"empty command", "[process]\ncommand = []", 3, "the command is empty", "command line"},
		{"NUL", "[process]\ncwd = \"/a\\u0000b\"", 3, `"/a\x00b" has a NUL byte`, ""},
		{"NUL in a list", "[fs]\nro = [\"/a\\u0000b\"]", 3, "has a NUL byte", ""},

		{"negative id", "[process]\nuid = -1", 3, "-1 is not a number from 0 to 4294967294", ""},
		{"huge id", "[process]\ngid = 4294967295", 3, "4294967295 is not a number from 0", ""},
		{"beyond TOML", "[limits]\nnofile = 99999999999999999999", 3, "parse TOML", ""},
		{"bad mode", "[process]\numask = '088'", 3, `"088" is not an octal mode up to 777`, `"022"`},
		{"mode too large", "[process]\numask = '1777'", 3, `not an octal mode up to 777`, `"022"`},
		{"bad duration", "[process]\ntimeout = '5 minutes'", 3, "is not a duration", `"30s"`},
		{"negative duration", "[process]\ntimeout = '-5m'", 3, "is not a duration", `"30s"`},
		{"bad word", "[network]\nmode = 'nat'", 3, `"nat" is not a value of this key`, "none or host"},
		{"bad action", "[seccomp]\ndefault = 'deny'", 3, `"deny" is not an action`, "errno:NAME"},
		{"bad error number", "[seccomp]\ndefault = 'errno:EPREM'", 3, "names no error number", `"EPERM"`},
		{"bad limit", "[limits]\nnofile = 'many'", 3, `"many" is not a limit`, "SOFT:HARD"},
		{"time for a count", "[limits]\nnofile = '30s'", 3, `"30s" is not a limit`, "SOFT:HARD"},
		{"bad size", "[limits]\nas = '4X'", 3, `"4X" is not a size`, `"64M"`},
		{"size too large", "[limits]\nas = '99999999T'", 3, `is too large`, ""},
		{"negative limit", "[limits]\ncore = -1", 3, "-1 is not a number", ""},
		{"soft above hard", "[limits]\nnofile = '9:8'", 3, "soft limit above the hard one", "SOFT:HARD"},
		{"bad port", "[landlock]\ntcp_bind = [80, 65536]", 3, "65536 is not a number from 0 to 65535", ""},
		{"standard descriptor", "[process]\nkeep_fds = [\n3,\n2]", 5, "2 is always kept", "from 3 up"},

		{"relative path", "[fs]\nro = ['etc']", 3, `"etc" is not an absolute path`, "begin it"},
		{"relative directory", "[process]\ncwd = './x'", 3, "is not an absolute path", "begin it"},
		{"climbing path", "[fs]\nro = ['/usr/../etc']", 3, `has ".." in it`, "without it"},
		{"empty path", "[fs]\nro = ['']", 3, "the path is empty", ""},
		{"empty destination", "[fs]\nro = ['/usr:']", 3, "the path is empty", ""},
		{"relative destination", "[fs]\nro = ['/usr:usr']", 3, "is not an absolute path", "begin it"},
		{"two colons", "[fs]\nro = ['/a:/b:/c']", 3, "more than one colon", `\:`},
		{"lone backslash", "[fs]\nro = ['/a\\b']", 3, "lone backslash", `\\`},
		{"destination for hide", "[fs]\nhide = ['/a:/b']", 3, "fs.hide takes one path", `\:`},
		{"options for noexec", "[fs]\nnoexec = ['/a:x']", 3, "fs.noexec takes one path", `\:`},
		{"optional tmpfs", "[fs]\ntmpfs = ['/a?']", 3, "a tmpfs has nothing to be missing", "drop"},
		{"unbounded tmpfs", "[fs]\ntmpfs = ['/a:size=0']", 3, `"0" is not a size for a tmpfs`, "always bounded"},
		{"bad tmpfs option", "[fs]\ntmpfs = ['/a:sise=1M']", 3, `"sise=1M" is not an option`, "size="},
		{"bind option for a tmpfs", "[fs]\ntmpfs = ['/a:dev']", 3, `"dev" is not an option of type "tmpfs"`, "size="},
		{"option twice", "[fs]\ntmpfs = ['/a:exec,noexec']", 3, `"noexec" comes after "exec"`, "one of them"},
		{"unknown variable", "[fs]\nro = ['${HOEM}/x']", 3, `unknown variable "HOEM"`, `did you mean "HOME"?`},
		{"strange variable", "[fs]\nro = ['/${NOTHING_LIKE_IT}']", 3, "unknown variable", "the variables are HOME, PWD"},
		{"lone dollar", "[fs]\nro = ['/$HOME']", 3, "lone dollar sign", "${NAME}"},
		{"open brace", "[env.set]\nX = '${HOME'", 3, "env.set.X: \"${HOME\" has a lone dollar sign", "${NAME}"},
		{"listed twice", "[fs]\nro = ['/a',\n'/b',\n'/a']", 5, `"/a" is listed twice`, "line 3"},

		{"pattern with a value", "[env]\nkeep = ['A=b']", 3, "is not a name of an environment", "env.set"},
		{"bad pattern", "[env]\nkeep = ['A[']", 3, "is not a shell pattern", ""},
		{"name with an equals sign", "[env.set]\n'A=b' = 'c'", 3, "is not a name of an environment", "env.set"},
		{"env.set as a list", "[env]\nset = ['A=b']", 3, "env.set: want a table", ""},
		{"value that is no string", "[env.set]\nA = 1", 3, "env.set.A: want a string, not an integer", "in quotes"},

		{"one mount table", "[mount]\ntype = 'proc'", 2, "want an array of tables, not one table", "[[mount]]"},
		{"mount as strings", "mount = ['/a']", 2, "mount: want a table, not a string", ""},
		{"mount as a string", "mount = '/a'", 2, "mount: want an array of tables", "in brackets"},
		{"no type", "[[mount]]\ntarget = '/a'", 2, "mount: the type is missing", `type = "bind"`},
		{"unknown type", "[[mount]]\ntype = 'tmpsf'", 3, `"tmpsf" is not a type`, `did you mean "tmpfs"?`},
		{"strange type", "[[mount]]\ntype = 'zzzzzz'", 3, `is not a type`, "the types are bind"},
		{"no target", "[[mount]]\ntype = 'tmpfs'", 2, `type "tmpfs" needs the key target`, ""},
		{"no source", "[[mount]]\ntype = 'bind'\ntarget = '/a'", 2, `type "bind" needs the key source`, ""},
		{"unknown field", "[[mount]]\ntype = 'proc'\ntraget = '/a'", 4, "mount.traget: unknown key", `did you mean "target"?`},
		{"field of another type", "[[mount]]\ntype = 'tmpfs'\ntarget = '/a'\nsource = '/b'", 5, `means nothing for type "tmpfs"`, ""},
		{"option of another type", "[[mount]]\ntype = 'bind'\nsource = '/b'\noptions = [\n'rw',\n'size=1M']", 7, `not an option of type "bind"`, "it takes ro, rw"},
		{"options of none", "[[mount]]\ntype = 'proc'\ntarget = '/proc'\noptions = ['ro']", 5, `means nothing for type "proc"`, ""},
		{"options as a string", "[[mount]]\ntype = 'bind'\nsource = '/b'\noptions = 'rw'", 5, "want an array, not a string", "in brackets"},
		{"no lower", "[[mount]]\ntype = 'overlay'\ntarget = '/a'\nlower = []", 2, "no lower directory", "lower ="},
		{"upper without work", "[[mount]]\ntype = 'overlay'\ntarget = '/a'\nlower = ['/b']\nupper = '/c'\noptions = ['rw']", 2, "both upper and work", "work is"},
		{"upper, read-only", "[[mount]]\ntype = 'overlay'\ntarget = '/a'\nlower = ['/b']\nupper = '/c'\nwork = '/d'", 2, "upper means nothing for a read-only", `"rw"`},
		{"writable without upper", "[[mount]]\ntype = 'overlay'\ntarget = '/a'\nlower = ['/b']\noptions = ['rw']", 2, "needs upper and work", ""},
		{"empty link", "[[mount]]\ntype = 'symlink'\ntarget = '/a'\nsource = ''", 5, "the text of the link is empty", ""},
		{"rule without a path", "[landlock]\nrules = [\n{ write = true },\n]", 4, "the path is missing", "path ="},
		{"rule with an unknown key", "[landlock]\nrules = [{ path = '/', exec = true }]", 3, "landlock.rules.exec: unknown key", ""},
		{"rule with a relative path", "[[landlock.rules]]\npath = 'x'", 3, "is not an absolute path", "begin it"},

		{"rootfs size", "[rootfs]\nsize = '1X'", 3, "is not a size", "64M"},
		{"rootfs write", "[rootfs]\nwrite = 'yes'", 3, "is not an absolute path", "begin it"},
		{"rootfs ids", "[rootfs]\nids = 'many'", 3, `"many" is not a value`, "single or subuid or fake"},
		{"rootfs pull", "[rootfs]\npull = true", 3, "want a string", "in quotes"},
		{"policy", "[seccomp]\npolicy = 'x'", 3, "seccomp.policy: reading minijail policies is not part", "leave the key out"},

		{"bad syntax", "[fs\nro = 3", 3, "parse TOML", ""},
		{"key twice", "[fs]\nro = []\nro = []", 4, "parse TOML", ""},
		{"table twice", "[fs]\n[env]\n[fs]\n", 4, "parse TOML", ""},
		{"open string", "\n\ndescription = \"", 4, "parse TOML", ""},
		{"too deep", "a = [[[[[[[[[[[[", 2, "nested too deep", ""},
		{"not UTF-8", "# \xff", 2, "not UTF-8", "UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode("f", "version = 1\n"+tt.text)
			wantError(t, err, tt.hint, tt.want, "(f:"+strconv.Itoa(tt.line)+")")
		})
	}
}

func TestVersion(t *testing.T) {
	tests := []struct {
		text, want, hint string
	}{
		{"", "version: the key is missing (f:1)", "add the line: version = 1"},
		{"[process]\nversion = 1", "version: the key is missing (f:1)", "add the line: version = 1"},
		{"\nversion = 2\nnew_key = 1", "newer version than this lichen reads (f:2)", "update lichen"},
		{"version = 0", "there is no such version (f:1)", "version = 1"},
		{"version = '1'", "version: want an integer, not a string (f:1)", "without quotes"},
		{"version = 1.0", "version: want an integer, not a float (f:1)", ""},
	}
	for _, tt := range tests {
		_, err := decode("f", tt.text)
		wantError(t, err, tt.hint, tt.want)
	}
}

func TestDecodeLines(t *testing.T) {
	l, err := decode("f", "version = 1\n[fs]\nro = [ # one\n  '/a', '/b',\n\n  '/c' ]\n[env.set]\nB = '1'\nA = '2'\n[[mount]]\ntype = 'proc'\ntarget = '/p'\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range l.entries {
		got = append(got, e.name+e.text+":"+strconv.Itoa(int(e.line)))
	}
	const want = "/a:4 /b:4 /c:6 B1:8 A2:9 /p:10"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

// FuzzDecode: no text makes the package panic, and what it accepts resolves to
// a Spec that keeps the promises of its documentation, or to a placed error.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"[process]\ncommand = ['a', '${HOME}']\ncwd = '${PWD}'\numask = '022'\ntimeout = '1m'\nkeep_fds = [3]\n",
		"[fs]\nro = ['/usr', '${HOME}/a?', '/a:/b']\nrw = ['${PWD}']\nhide = ['/x?']\nnoexec = ['/']\ntmpfs = ['/tmp:size=1M,mode=1777']\n",
		"[[mount]]\ntype = 'overlay'\nlower = ['/a']\ntarget = '/b'\n[[mount]]\ntype = 'symlink'\nsource = '../x'\ntarget = '/y'\n",
		"[env]\nkeep = ['LC_*']\nset = { A = '${UID}$$' }\n[limits]\nnofile = '1:2'\ncpu = '30s'\nas = 'unlimited'\n",
		"[namespaces]\nisolation = 'landlock'\n[network]\nmode = 'host'\n[landlock]\ntcp_bind = []\nrules = [{path = '/', write = true}]\n",
		"extends = ['x']\nremove = ['fs.ro:/etc', 'fs.ro']\n[seccomp]\ndefault = 'errno:EPERM'\nallow = ['@default']\nrules = ['ioctl: arg1 != 1']\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := builtins("x", text).Load("x")
		if err != nil {
			if !strings.Contains(err.Error(), "x:") && !strings.Contains(err.Error(), "command line") {
				t.Errorf("error without a place: %v", err)
			}
			return
		}
		checkSpec(t, p.Spec)
		again, err := builtins("x", strings.Replace(p.Resolved(), "version = 1\n", "", 1)).Load("x")
		if err != nil {
			t.Fatalf("resolved text: %v\n%s", err, p.Resolved())
		}
		sameSpec(t, p.Spec, again.Spec)
	})
}
