package bwrap

import "strings"

func processCases() []testCase {
	list := []testCase{
		c("process/exit 0", sys, exit(0)),
		c("process/exit 1", sys, exit(1)),
		c("process/exit 42", sys, exit(42)),
		c("process/exit 255", sys+" --unshare-pid", exit(255)),
		c("process/exit 127", sys+" --unshare-all", exit(127)),
		c("process/killed", sys, run("sh -c kill@_-9@_$$")),
		c("process/killed in a pid namespace", sys+" --unshare-pid", run("sh -c kill@_-9@_$$")),
		c("process/terminated", sys+" --unshare-pid", run("sh -c kill@_-TERM@_$$")),
		c("process/aborted as pid 1", sys+" --unshare-pid --as-pid-1", run("sh -c kill@_-TERM@_$$;exit@_5")),
		c("process/as pid 1", sys+" --unshare-pid --as-pid-1"+proc, look("/proc")),
		c("process/as pid 1 in all", sys+" --unshare-all --as-pid-1"+dev),
		c("process/as pid 1 with a session", sys+" --unshare-pid --as-pid-1 --new-session"),
		c("process/new session", sys+" --new-session"),
		c("process/new session with pid 1", sys+" --new-session --unshare-pid"),
		c("process/die with parent", sys+" --die-with-parent"),
		c("process/die with parent and pid 1", sys+" --die-with-parent --unshare-pid"),
		c("process/argv0", sys+" --argv0 other", since(9)),
		c("process/argv0 empty", sys+" --argv0 ''", since(9)),
		c("process/not found", sys, run("nothing-of-this-name")),
		c("process/not found by path", sys, run("/nothing")),
		c("process/a directory", sys, run("/usr")),
		c("process/not executable", sys+" --bind @W/src /s", run("/s/f")),
		c("process/an empty name", sys, run("''")),
		c("process/not found in a pid namespace", sys+" --unshare-pid", run("/nothing")),
		c("process/not found, told", sys+" --json-status-fd 11 --info-fd 12", fd(11, fdOut), fd(12, fdOut), run("/nothing")),
		c("process/lock-file", sys+" --bind @W/src /s --lock-file /s/f"),
		c("process/lock-file and pid 1", sys+" --bind @W/src /s --lock-file /s/f --lock-file /usr/bin/env --unshare-pid"),
		c("process/lock-file missing", sys+" --lock-file /nothing", run("true")),
		c("process/lock-file is a directory", sys+" --lock-file /usr", run("true")),
		c("process/seccomp", sys+" --seccomp 11", fd(11, fdWhole)),
		c("process/seccomp refuses", sys+" --seccomp 11", fd(11, fdRefuse), run("uname")),
		c("process/seccomp with pid 1", sys+" --unshare-pid --seccomp 11", fd(11, fdWhole)),
		c("process/seccomp twice", sys+" --seccomp 11 --seccomp 12", fd(11, fdRefuse), fd(12, fdWhole)),
		c("process/two filters", sys+" --add-seccomp-fd 11 --add-seccomp-fd 12", fd(11, fdWhole), fd(12, fdWhole)),
		c("process/the first of two refuses", sys+" --add-seccomp-fd 11 --add-seccomp-fd 12", fd(11, fdRefuse), fd(12, fdWhole), run("uname")),
		c("process/seccomp from a pipe", sys+" --seccomp 11", fd(11, fdPipe+strings.ReplaceAll(filter(allow), "\x00", `\0`))),
		c("process/seccomp of odd length", sys+" --seccomp 11", fd(11, fdData+"abc"), run("true")),
		c("process/seccomp that is nonsense", sys+" --seccomp 11", fd(11, fdData+"abcdefgh"), run("true")),
		c("process/seccomp empty", sys+" --seccomp 11", fd(11, fdData), run("true")),
		c("process/seccomp of a bad descriptor", sys+" --seccomp 99", run("true")),
		c("process/add-seccomp-fd of a bad descriptor", sys+" --add-seccomp-fd 99", run("true")),
		c("process/exec-label", sys+" --exec-label x", run("true")),
		c("process/file-label", sys+" --file-label x", run("true")),
	}
	for _, s := range someSignals {
		name := strings.ReplaceAll(s.String(), " ", "-")
		list = append(list,
			c("signal/"+name, sys, kill(s)),
			c("signal/pid 1, "+name, sys+" --unshare-pid", kill(s)),
			c("signal/die with parent, "+name, sys+" --unshare-pid --die-with-parent", kill(s)),
			c("signal/die with parent alone, "+name, sys+" --die-with-parent", kill(s)))
	}
	return list
}

// leftCases are about processes that go on after the payload.
func leftCases() []testCase {
	// sh gives background processes /dev/null.
	const background, foreground = "sh -c sleep@_0.9&exit@_6", "sh -c sleep@_0.1;exit@_6"
	return []testCase{
		c("left/none", sys+dev+" --unshare-pid", run(foreground)),
		c("left/without a pid namespace", sys+dev, run(background)),
		c("left/die with parent, without a pid namespace", sys+dev+" --die-with-parent", run(background)),
		c("left/in a pid namespace", sys+dev+" --unshare-pid", run(background)),
		c("left/in a pid namespace, a killed payload's", sys+dev+" --unshare-pid", run("sh -c sleep@_0.9&kill@_-9@_$$")),
		c("left/told", sys+dev+" --unshare-pid --json-status-fd 11", fd(11, fdOut), run(background)),
		c("left/die with parent", sys+dev+" --unshare-pid --die-with-parent --json-status-fd 11", fd(11, fdOut), run(background)),
		c("left/as pid 1", sys+dev+" --unshare-pid --as-pid-1", run(background)),
		c("left/lock-file", sys+dev+" --lock-file /usr/bin/env", run(background)),
	}
}

func descriptorCases() []testCase {
	return []testCase{
		c("fd/inherited", sys, fd(3, fdData), fd(7, fdPath+"@W/src/f"), fd(11, fdPipe), fd(200, fdData)),
		c("fd/a directory", sys, fd(5, fdPath+"@W/src")),
		c("fd/inherited with pid 1", sys+" --unshare-pid", fd(3, fdData), fd(7, fdPath+"@W/src/f")),
		c("fd/inherited by pid 1 itself", sys+" --unshare-pid --as-pid-1", fd(3, fdData), fd(7, fdPath+"@W/src/f")),
		c("fd/used ones are closed", sys+" --unshare-pid --file 11 /f --bind-data 12 /g --ro-bind-data 13 /h --args 14 --seccomp 15 --block-fd 16 --info-fd 17 --json-status-fd 18 --bind-fd 19 /s",
			fd(11, fdData), fd(12, fdData), fd(13, fdData), fd(14, fdData), fd(15, fdWhole), fd(16, fdPipe+"x"), fd(17, fdOut), fd(18, fdOut),
			fd(19, fdPath+"@W/src"), fd(20, fdData)),
		c("fd/used ones are closed without pid 1", sys+" --file 11 /f --bind-data 12 /g --args 14 --add-seccomp-fd 15 --block-fd 16 --info-fd 17 --json-status-fd 18",
			fd(11, fdData), fd(12, fdData), fd(14, fdData), fd(15, fdWhole), fd(16, fdPipe+"x"), fd(17, fdOut), fd(18, fdOut), fd(20, fdData)),
		c("fd/sync-fd", sys+" --sync-fd 11", fd(11, fdPipe)),
		c("fd/sync-fd with pid 1", sys+" --sync-fd 11 --unshare-pid", fd(11, fdPipe)),
		c("fd/sync-fd twice", sys+" --sync-fd 11 --sync-fd 12", fd(11, fdPipe), fd(12, fdPipe)),
		c("fd/sync-fd that is bad", sys+" --sync-fd 99"),
		c("fd/block-fd", sys+" --block-fd 11", fd(11, fdPipe+"x")),
		c("fd/block-fd at its end", sys+" --block-fd 11", fd(11, fdPipe)),
		c("fd/block-fd that is bad", sys+" --block-fd 99"),
		c("fd/block-fd twice", sys+" --block-fd 11 --block-fd 12", fd(11, fdPipe+"x"), fd(12, fdPipe+"y")),
		c("fd/info-fd", sys+" --info-fd 11", fd(11, fdOut)),
		c("fd/info-fd in all", sys+" --unshare-all --info-fd 11", fd(11, fdOut)),
		c("fd/info-fd in some", sys+" --unshare-ipc --unshare-net --info-fd 11", fd(11, fdOut)),
		c("fd/info-fd twice", sys+" --info-fd 11 --info-fd 12", fd(11, fdOut), fd(12, fdOut)),
		c("fd/json-status-fd", sys+" --json-status-fd 11", fd(11, fdOut), exit(3)),
		c("fd/json-status-fd in all", sys+" --unshare-all --json-status-fd 11", fd(11, fdOut), exit(3)),
		c("fd/json-status-fd of a killed one", sys+" --unshare-pid --json-status-fd 11", fd(11, fdOut), run("sh -c kill@_-9@_$$")),
		c("fd/json-status-fd after a failure", sys+" --bind /nothing /x --json-status-fd 11 --info-fd 12", fd(11, fdOut), fd(12, fdOut), run("true")),
		c("fd/both", sys+" --json-status-fd 11 --info-fd 12", fd(11, fdOut), fd(12, fdOut)),
		c("fd/info-fd is stdout", sys+" --info-fd 1", run("sh -c echo@_hello")),
		c("fd/json-status-fd is stdout", sys+" --json-status-fd 1", run("sh -c echo@_hello")),
		c("fd/json-status-fd is stderr", sys+" --json-status-fd 2", exit(2)),
		c("fd/block-fd is stdin", sys+" --block-fd 0", fd(0, fdData+"x")),
		c("fd/seccomp is stdin", sys+" --seccomp 0", fd(0, fdWhole)),
		c("fd/file twice", sys+" --file 11 /f --file 11 /g", fd(11, fdData+"x"), run("true")),
		c("fd/list twice", sys+" --args 11 --args 11", fd(11, fdData+`--setenv\0A\0b\0`), run("true")),
		c("fd/file of a bad descriptor", sys+" --file 99 /f", run("true")),
		c("fd/bind-data of a bad descriptor", sys+" --bind-data 99 /f", run("true")),
		c("fd/bind-fd of a bad descriptor", sys+" --bind-fd 99 /f", run("true")),
		c("fd/file of a directory", sys+" --file 11 /f", fd(11, fdPath+"@W/src"), run("true")),
		c("fd/file of what cannot be read", sys+" --file 1 /f", run("true"), only("none")),
	}
}

func environmentCases() []testCase {
	return []testCase{
		c("env/kept", sys, env("A=1"), env("B=two@_words")),
		c("env/empty", sys, env("-")),
		c("env/setenv", sys+" --setenv A 1 --setenv CANARY 2 --setenv B ''"),
		c("env/setenv twice", sys+" --setenv A 1 --setenv A 2"),
		c("env/unsetenv", sys+" --unsetenv CANARY --unsetenv NOTHING"),
		c("env/clearenv", sys+" --clearenv"),
		c("env/in order", sys+" --setenv A 1 --clearenv --setenv B 2 --unsetenv B --setenv C 3"),
		c("env/clearenv keeps PWD", sys+" --clearenv --chdir /usr", env("OLDPWD=/x")),
		c("env/PWD is set", sys+" --setenv PWD /x --chdir /usr"),
		c("env/PWD is unset", sys+" --unsetenv PWD"),
		c("env/PATH of the sandbox", sys+" --setenv PATH /nothing", run("true")),
		c("env/PATH finds it", sys+" --setenv PATH /nothing:/usr/bin", run("true")),
		c("env/no PATH", sys+" --unsetenv PATH", run("true")),
		c("env/long", sys+" --setenv A "+strings.Repeat("x", 4000)),
		c("env/setenv failed", sys+" --setenv A=B c", run("true")),
		c("env/setenv without a name", sys+" --setenv '' c", run("true")),
		c("env/unsetenv failed", sys+" --unsetenv A=B", run("true")),
		c("cwd/HOME", sys),
		c("cwd/root", sys, env("HOME=/nothing")),
		c("cwd/HOME by setenv", sys+" --setenv HOME /usr/bin"),
		c("cwd/no HOME", sys+" --unsetenv HOME"),
		c("cwd/the caller's", sys+" --bind @W @W"),
		c("cwd/the caller's, read-only", sys+" --ro-bind @W @W", cwd("@W/src/sub")),
		c("cwd/the caller's is a file inside", sys+" --file 11 @W", fd(11, fdData)),
		c("cwd/chdir", sys+" --chdir /usr/bin"),
		c("cwd/chdir is relative", sys+" --chdir usr/bin"),
		c("cwd/chdir through a link", sys+" --chdir /bin"),
		c("cwd/chdir up", sys+" --chdir /usr/bin/../../.."),
		c("cwd/chdir twice", sys+" --chdir /usr/bin --chdir /usr"),
		c("cwd/chdir to nothing", sys+" --chdir /nothing", run("true")),
		c("cwd/chdir to a file", sys+" --chdir /usr/bin/env", run("true")),
		c("cwd/chdir empty", sys+" --chdir ''", run("true")),
		c("cwd/umask", sys, umask(0o027)),
	}
}

func overlayCases() []testCase {
	return []testCase{
		c("overlay/overlay", sys+" --overlay-src @W/lo1 --overlay @W/up @W/work /o", look("+/o"), since(11)),
		c("overlay/two lower", sys+" --overlay-src @W/lo1 --overlay-src @W/lo2 --overlay @W/up @W/work /o", look("+/o"), since(11)),
		c("overlay/ro-overlay", sys+" --overlay-src @W/lo1 --overlay-src @W/lo2 --ro-overlay /o/x", look("+/o"), since(11)),
		c("overlay/tmp-overlay", sys+" --overlay-src @W/lo1 --overlay-src @W/lo2 --tmp-overlay /o/x --overlay-src @W/src --tmp-overlay /p", look("+/o +/p /"), since(11)),
		c("overlay/signs in a path", sys+" --overlay-src @W/lower:a,b --tmp-overlay /o", look("+/o"), since(11)),
		c("overlay/relative", sys+" --overlay-src lo1 --overlay-src lo2 --overlay up work /o", look("+/o"), since(11)),
		c("overlay/through links", sys+" --overlay-src dl --tmp-overlay /o", look("+/o"), since(11)),
		c("overlay/on usr", sys+" --overlay-src /usr --tmp-overlay /usr", look("/usr"), since(11)),
		c("overlay/written", sys+" --overlay-src @W/lo1 --overlay @W/up @W/work /o", run("sh -c echo@_new@_>/o/n;cat@_/o/a;rm@_/o/c"), since(11)),
		c("overlay/not written", sys+" --overlay-src @W/lo1 --overlay-src @W/lo2 --ro-overlay /o", run("sh -c echo@_new@_>/o/n"), since(11)),
		c("overlay/discarded", sys+" --overlay-src @W/lo1 --tmp-overlay /o", run("sh -c echo@_new@_>/o/n;cat@_/o/n"), since(11)),
		c("overlay/missing lower", sys+" --overlay-src /nothing --tmp-overlay /o", run("true"), since(11)),
		c("overlay/missing upper", sys+" --overlay-src @W/lo1 --overlay /nothing @W/work /o", run("true"), since(11)),
		c("overlay/missing work", sys+" --overlay-src @W/lo1 --overlay @W/up /nothing /o", run("true"), since(11)),
		c("overlay/lower is a file", sys+" --overlay-src @W/src/f --tmp-overlay /o", run("true"), since(11)),
	}
}
