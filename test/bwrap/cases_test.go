package bwrap

import (
	"slices"

	"golang.org/x/sys/unix"
)

// cases are all of them. Every option is in one at least: TestEveryOption.
func cases() []testCase {
	return slices.Concat(mountCases(), madeCases(), pathCases(), orderCases(), namespaceCases(), idCases(), processCases(), leftCases(),
		descriptorCases(), environmentCases(), opErrorCases(), parseErrorCases(), overlayCases(), realCases(), defectCases())
}

const proc, dev = " --proc /proc", " --dev /dev"

func mountCases() []testCase {
	return []testCase{
		c("mount/bind", sys+" --bind @W/src /s", look("+/s /")),
		c("mount/ro-bind", sys+" --ro-bind @W/src /s", look("+/s /")),
		c("mount/dev-bind", sys+" --dev-bind @W/src /s", look("+/s /")),
		c("mount/dev-bind a device", sys+" --dev-bind /dev/null /n --dev-bind /dev/zero /d/z", look("/n /d/z /d")),
		c("mount/bind a device", sys+" --bind /dev/null /n", look("/n")),
		c("mount/bind-try", sys+" --bind-try @W/src /s --bind-try /nonexistent /t", look("/s /t")),
		c("mount/ro-bind-try", sys+" --ro-bind-try @W/src /s --ro-bind-try /nonexistent /t", look("/s /t")),
		c("mount/dev-bind-try", sys+" --dev-bind-try @W/src /s --dev-bind-try /nonexistent /t", look("/s /t")),
		c("mount/bind-fd", sys+" --bind-fd 11 /s", fd(11, fdPath+"@W/src"), look("+/s")),
		c("mount/ro-bind-fd", sys+" --ro-bind-fd 11 /s", fd(11, fdPath+"@W/src"), look("+/s")),
		c("mount/bind-fd of a file", sys+" --bind-fd 11 /s", fd(11, fdPath+"@W/src/f"), look("/s")),
		c("mount/a file", sys+" --bind @W/src/f /s --ro-bind @W/src/f /d/e/f", look("/s +/d")),
		c("mount/a fifo", sys+" --ro-bind @W/fifo /s", look("/")),
		c("mount/relative source", sys+" --bind src /s --ro-bind ./src/../src/f /f", look("+/s /f")),
		c("mount/source is a link", sys+" --bind @W/dl /s --ro-bind @W/fl /f", look("+/s /f")),
		c("mount/closed source", sys+" --bind @W/closed /s", look("/s /s/x")),
		c("mount/the same twice", sys+" --bind @W/src /s --bind @W/src /s", look("+/s")),
		c("mount/ro over rw", sys+" --bind @W/src /s --ro-bind @W/src /s", look("+/s")),
		c("mount/rw over ro", sys+" --ro-bind @W/src /s --bind @W/src /s", look("+/s")),
		c("mount/rw in ro", sys+" --ro-bind @W /s --bind @W/rw /s/rw", look("/s /s/rw /s/src")),
		c("mount/ro in rw", sys+" --bind @W /s --ro-bind @W/rw /s/rw", look("/s /s/rw /s/src")),
		c("mount/file in a ro bind", sys+" --ro-bind @W/src /s --bind @W/lo1/a /s/f", look("+/s")),
		c("mount/covered by tmpfs", sys+" --bind @W/src /s --tmpfs /s", look("+/s")),
		c("mount/tmpfs below a covered bind", sys+" --bind @W/src /s/t --tmpfs /s", look("+/s")),
		c("mount/tmpfs", sys+" --tmpfs /t", look("/t /")),
		c("mount/tmpfs perms", sys+" --perms 0700 --tmpfs /t --perms 1777 --tmpfs /u --perms 0 --tmpfs /v --perms 7777 --tmpfs /w", look("/t /u /v /w")),
		c("mount/tmpfs size", sys+" --size 65536 --tmpfs /t --size 1 --tmpfs /u --size 0x10000 --tmpfs /v --size 010000 --tmpfs /w"),
		c("mount/tmpfs size and perms", sys+" --size 65536 --perms 0711 --tmpfs /t --perms 0750 --size 8192 --tmpfs /u --tmpfs /v", look("/t /u /v")),
		c("mount/tmpfs in tmpfs", sys+" --tmpfs /t --tmpfs /t/u --dir /t/u/v --bind @W/src /t/u/s", look("+/t")),
		c("mount/tmpfs on the root", "--tmpfs / "+sys+" --ro-bind @B /.report", look("/ /usr")),
		c("mount/proc", sys+proc, look("/proc")),
		c("mount/proc of its own", sys+proc+" --unshare-pid", look("/proc /proc/1 /proc/2")),
		c("mount/proc elsewhere", sys+" --unshare-pid --proc /a/b", look("/a /a/b")),
		c("mount/dev", sys+dev, look("+/dev")),
		c("mount/dev elsewhere", sys+" --dev /a/b/c", look("+/a")),
		c("mount/dev and proc", sys+dev+proc+" --unshare-pid", look("+/dev")),
		c("mount/dev on a bind", sys+" --ro-bind /dev /dev"+dev, look("+/dev")),
		c("mount/dev twice", sys+dev+" --dev /d2", look("+/d2")),
		c("mount/in dev", sys+dev+" --tmpfs /dev/shm --bind @W/src /dev/src --dir /dev/d", look("+/dev")),
		c("mount/mqueue", sys+" --unshare-ipc --mqueue /q", look("/q")),
		c("mount/mqueue in dev", sys+dev+" --unshare-ipc --mqueue /dev/mqueue", look("/dev/mqueue")),
		c("mount/remount-ro", sys+" --bind @W/src /s --remount-ro /s", look("+/s")),
		c("mount/remount-ro of the root", sys+" --dir /d --remount-ro /", look("/ /d")),
		c("mount/remount-ro of a tmpfs", sys+" --tmpfs /t --dir /t/d --remount-ro /t", look("+/t")),
		c("mount/remount-ro of dev", sys+dev+" --remount-ro /dev", look("/dev /dev/null /dev/shm")),
		c("mount/remount-ro not below", sys+" --bind @W/src /s --tmpfs /s/sub --remount-ro /s", look("+/s")),
		c("mount/remount-ro then a mount", sys+" --dir /d --remount-ro / --tmpfs /d", look("/ /d")),
		c("mount/remount-ro by a link", sys+" --bind @W/src /s --symlink s /l --remount-ro /l", look("/s/f")),
		c("mount/remount-ro twice", sys+" --bind @W/src /s --remount-ro /s --remount-ro /s", look("/s")),
		c("mount/everything", "--bind / /", onHost, look("@W/src")),
		c("mount/everything read-only", "--ro-bind / /", onHost, look("@W/src /dev/null")),
		c("mount/everything with devices", "--dev-bind / /", onHost, look("/dev/null")),
		c("mount/everything then proc and dev", "--ro-bind / / --unshare-pid"+proc+dev, onHost, look("+/dev")),
		c("mount/everything then tmp", "--ro-bind / / --tmpfs @W --bind @W/src @W/new/s", onHost, look("+@W")),
		c("mount/everything then one writable", "--ro-bind / / --bind @W/src @W/src", onHost, look("+@W/src @W/rw")),
		c("mount/below a bind of everything", "--ro-bind / / --tmpfs @W/rw --dir @W/rw/a --ro-bind @W/src @W/rw/b", onHost, look("+@W/rw")),
		c("mount/part of proc covered", sys+proc+" --unshare-pid --ro-bind @W/src/f /proc/version", look("/proc/version")),
		c("mount/sys", sys+" --ro-bind /sys /sys", look("/sys")),
		c("mount/usrmerge by binds", "--ro-bind /usr /usr --ro-bind /lib /lib --ro-bind /lib64 /lib64 --ro-bind /bin /bin", look("/ /bin/sh")),
		c("mount/deep", sys+" --bind @W/src /1/2/3/4/5/6/7/8", look("/1 /1/2 /1/2/3/4/5/6/7 /1/2/3/4/5/6/7/8")),
	}
}

func madeCases() []testCase {
	return []testCase{
		c("made/dir", sys+" --dir /d --dir /e/f/g", look("/d +/e /")),
		c("made/dir perms", sys+" --perms 0700 --dir /d --perms 0711 --dir /e/f --perms 0 --dir /g/h --perms 7777 --dir /i/j --dir /k", look("/d /e +/g +/i /k /e/f")),
		c("made/dir twice", sys+" --perms 0700 --dir /d --perms 0755 --dir /d", look("/d")),
		c("made/dir is there", sys+" --perms 0700 --dir /usr --dir / --dir /usr/bin", look("/usr /")),
		c("made/umask 077", sys+" --dir /d/e --tmpfs /t/u --file 11 /f/g --bind @W/src /s/t --symlink a /l/m", umask(0o077), fd(11, fdData+"x"), look("+/d +/t +/f /s +/l /")),
		c("made/umask 0", sys+" --dir /d/e --tmpfs /t/u --file 11 /f/g --bind @W/src /s/t --symlink a /l/m", umask(0), fd(11, fdData+"x"), look("+/d +/t +/f /s +/l /")),
		c("made/file", sys+" --file 11 /f --file 12 /d/e/f", fd(11, fdData+"hello"), fd(12, fdData), look("/f +/d")),
		c("made/file perms", sys+" --perms 0400 --file 11 /f --perms 0640 --file 12 /d/e/f", fd(11, fdData+"a"), fd(12, fdData+"b"), look("/f +/d")),
		c("made/file from a pipe", sys+" --file 11 /f", fd(11, fdPipe+"through"), look("/f")),
		c("made/file from stdin", sys+" --file 0 /f", fd(0, fdData+"in"), look("/f")),
		c("made/file over a file", sys+" --file 11 /f --file 12 /f", fd(11, fdData+"a longer one"), fd(12, fdData+"b"), look("/f")),
		c("made/file in a bind", sys+" --bind @W/src /s --file 11 /s/new", fd(11, fdData+"a"), look("+/s")),
		c("made/file over one in a bind", sys+" --bind @W/src /s --file 11 /s/f", fd(11, fdData+"a"), look("+/s")),
		c("made/bind-data", sys+" --bind-data 11 /f --bind-data 12 /d/e/f", fd(11, fdData+"hello"), fd(12, fdData), look("/f +/d /")),
		c("made/bind-data perms", sys+" --perms 0444 --bind-data 11 /f --perms 0604 --bind-data 12 /d/e/f", fd(11, fdData+"a"), fd(12, fdData+"b"), look("/f +/d")),
		c("made/ro-bind-data", sys+" --ro-bind-data 11 /f --perms 0644 --ro-bind-data 12 /d/f", fd(11, fdData+"hello"), fd(12, fdData+"x"), look("/f +/d")),
		c("made/ro-bind-data over a file", sys+" --ro-bind @W/src /s --ro-bind-data 11 /s/f", fd(11, fdData+"mine"), look("+/s")),
		c("made/bind-data from a pipe", sys+" --ro-bind-data 11 /f", fd(11, fdPipe+"piped"), look("/f")),
		c("made/symlink", sys+" --symlink a /l --symlink /b/c /d/e/l --symlink '' /x", run("/usr/bin/true")),
		c("made/symlinks", sys+" --symlink a /l --symlink /b/c /d/e/l --symlink ../.. /d/up", look("/l +/d")),
		c("made/symlink twice", sys+" --symlink a /l --symlink a /l", look("/l"), since(9)),
		c("made/symlink in a bind", sys+" --bind @W/src /s --symlink q /s/new", look("+/s")),
		c("made/chmod", sys+" --dir /d --chmod 0700 /d --file 11 /f --chmod 4711 /f --chmod 01777 /", fd(11, fdData), look("/d /f /")),
		c("made/chmod in a bind", sys+" --bind @W/src /s --chmod 0600 /s/f --chmod 0500 /s/sub", look("+/s")),
		c("made/chmod through a link", sys+" --dir /d --symlink d /l --chmod 0700 /l", look("/d")),
		c("made/chmod of a tmpfs", sys+" --tmpfs /t --chmod 1777 /t", look("/t")),
		c("made/parents by perms", sys+" --perms 0700 --dir /a/b --dir /a/c/d --perms 0070 --dir /e/f --perms 0007 --dir /g/h", look("+/a +/e +/g")),
		c("made/parents of mounts", sys+" --unshare-pid --unshare-ipc --bind @W/src /a/s --tmpfs /b/t --proc /c/p --dev /d/d --mqueue /e/q --symlink x /f/l",
			look("/a /b /c /d /e /f")),
		c("made/on the host", sys+" --bind @W/rw /s --dir /s/d --perms 0700 --dir /s/e/f --tmpfs /s/t --bind @W/src /s/a/b --ro-bind @W/src/f /s/c/f --symlink x /s/l --file 11 /s/f --ro-bind-data 12 /s/g",
			fd(11, fdData+"x"), fd(12, fdData+"y"), look("+/s")),
	}
}

func pathCases() []testCase {
	return []testCase{
		c("path/relative destination", sys+" --bind @W/src a/b --dir c --tmpfs ./d --symlink x e", look("+/a /c /d /e /")),
		c("path/dots inside", sys+" --dir /a/../b --tmpfs /b/./c --bind @W/src /b/c/../s", look("+/b /a")),
		c("path/slashes", sys+" --dir //a///b/ --bind @W/src /b/ --tmpfs /c//", look("+/a /b /c")),
		c("path/relative link as destination", sys+" --dir /real --symlink real /l --bind @W/src /l", look("+/real /l")),
		c("path/tmpfs on a link", sys+" --dir /real --symlink real /l --tmpfs /l --dir /l/x", look("+/real")),
		c("path/below a relative link", sys+" --dir /real --symlink real /l --dir /l/x --file 11 /l/f --bind @W/src /l/s", fd(11, fdData+"x"), look("+/real")),
		c("path/usrmerge", sys+" --bind @W/src /usr/local/share", look("/usr/local/share")),
		c("path/dir on a dangling link", sys+" --symlink nowhere /l --dir /l", look("/l /nowhere")),
		c("path/absolute link in a bind", sys+" --dir /etc --bind @W/src /s --dir /s/abs/x", look("+/s +/etc")),
		c("path/host link as destination", sys+" --bind @W /w --bind @W/lo1 /w/dl", look("+/w/src")),
		c("path/link to a file", sys+" --bind @W /w --bind @W/lo1/a /w/fl", look("/w/fl /w/src/f")),
		c("path/spaces and signs", sys+" --dir /a@_b --bind @W/src /c:d,e@_f --tmpfs /g\\h --symlink i@_j /k@_l", look("/a@_b /c:d,e@_f /g\\h /k@_l")),
		c("path/source with signs", sys+" --ro-bind @W/lower:a,b /s", look("+/s")),
		c("path/utf-8", sys+" --dir /ä/ö --bind @W/src /日本", look("+/ä /日本")),
		c("path/empty dir", sys+" --dir ''", look("/")),
	}
}

func orderCases() []testCase {
	return []testCase{
		c("order/options between", sys+" --perms 0700 --dir /a --unshare-pid --dir /b --setenv X y --size 4096 --tmpfs /c", look("/a /b /c")),
		c("order/dir before bind", sys+" --dir /a --bind @W/src /a", look("+/a")),
		c("order/bind before dir", sys+" --bind @W/src /a --dir /a", look("+/a")),
		c("order/symlink then its target", sys+" --symlink t /l --tmpfs /t --dir /l/x", look("+/t")),
		c("order/tmpfs hides a file", sys+" --file 11 /t/f --tmpfs /t", fd(11, fdData+"x"), look("+/t")),
		c("order/root last", "--dir /a "+sys+" --ro-bind / /", onHost, look("/a")),
		c("order/dev then its mounts", sys+dev+" --bind @W/src/f /dev/null", look("/dev/null")),
		c("order/many", sys+" --tmpfs /a --bind @W/src /a/b --tmpfs /a/b/sub --ro-bind @W/lo1 /a/b/sub/l --remount-ro /a --bind @W/rw /a/b/sub/l", look("+/a")),
		c("order/proc late", sys+" --unshare-pid --tmpfs /x --dir /x/proc --proc /x/proc", look("/x/proc")),
		c("order/args in the middle", sys+" --args 11 --dir /c", fd(11, fdData+`--dir\0/a\0--perms\0711\0--dir\0/b\0`), look("/a /b /c")),
		c("order/perms then args", sys+" --perms 0700 --args 11", fd(11, fdData+`--dir\0/a\0`), look("/a")),
		c("order/two lists", sys+" --args 11 --args 12", fd(11, fdData+`--setenv\0A\01\0`), fd(12, fdData+`--setenv\0A\02`)),
		c("order/list with a command", sys+" --args 11", fd(11, fdData+`--setenv\0A\01\0--\0sh\0-c\0exit 9\0`)),
		c("order/list with a word", sys+" --args 11", fd(11, fdData+`word\0--setenv\0A\01\0`)),
		c("order/empty lists", sys+" --args 11 --args 12", fd(11, fdData), fd(12, fdData+`\0`)),
		c("order/list from a pipe", sys+" --args 11", fd(11, fdPipe+`--setenv\0A\0x y\0`)),
		c("order/command without --", sys, run("sh -c exit@_4")),
		c("order/command with --", sys, run("-- sh -c exit@_4")),
		c("order/options of the command", sys, run("sh -c exit@_$# -- --bind --help")),
		c("order/signals ignored", sys, run("-- sh -c exit@_0")),
	}
}

func realCases() []testCase {
	return []testCase{
		c("real/README", sys+" --ro-bind-try /etc/passwd /etc/passwd"+proc+dev+" --unshare-pid --new-session --die-with-parent --tmpfs /tmp --dir /var --symlink ../tmp var/tmp --dir /run/user/1000 --setenv XDG_RUNTIME_DIR /run/user/1000",
			look("/ +/var +/run /tmp /etc/passwd")),
		c("real/flatpak", sys+" --unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try --die-with-parent"+proc+dev+
			" --tmpfs /tmp --dir /var/tmp --dir /run/host --ro-bind @W/src /run/host/fonts --symlink /run /var/run --perms 0700 --dir /run/user/1500 --ro-bind-data 11 /run/flatpak/ld.so.conf --file 12 /.flatpak-info --ro-bind-data 13 /run/user/1500/.flatpak-info --seccomp 14 --info-fd 15 --setenv container flatpak --chdir /tmp --bind @W/rw /home/u",
			fd(11, fdData+"a"), fd(12, fdData+"b"), fd(13, fdData+"c"), fd(14, fdWhole), fd(15, fdOut), look("/ +/run +/var /.flatpak-info")),
		c("real/webkit", sys+" --die-with-parent --unshare-pid --unshare-uts --unshare-ipc --unshare-user --ro-bind-try /etc /etc"+proc+dev+" --tmpfs /tmp --ro-bind-try /lib32 /lib32 --dir /run/user/1500 --setenv WEBKIT_X y --unsetenv CANARY",
			look("/ +/run")),
		c("real/thumbnailer", "--ro-bind /usr /usr --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --symlink /usr/bin /bin --symlink /usr/lib64 /lib64 --symlink /usr/lib /lib --symlink /usr/sbin /sbin"+proc+dev+
			" --chdir / --setenv GIO_USE_VFS local --unshare-all --die-with-parent --bind @W/rw /tmp --ro-bind @W/src/f /tmp/in.png", look("/ +/tmp /bin")),
		c("real/glycin", "--unshare-all --die-with-parent --chdir / --ro-bind /usr /usr --dev /dev --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --ro-bind-try /nix/store /nix/store --tmpfs /tmp-home --tmpfs /tmp-run --clearenv --setenv HOME /tmp-home --setenv XDG_RUNTIME_DIR /tmp-run --symlink /usr/lib /lib --symlink /usr/lib64 /lib64 --seccomp 11",
			fd(11, fdWhole), look("/ /tmp-home /tmp-run")),
		c("real/agent", "--ro-bind / / --dev /dev --proc /proc --tmpfs @W --bind @W/rw @W/rw --unshare-pid --unshare-net --die-with-parent --new-session --chdir @W/rw", onHost, look("+@W")),
		c("real/nix", sys+" --unshare-all --share-net --hostname sandbox --uid 1000 --gid 100"+proc+dev+" --tmpfs /build --chdir /build --clearenv --setenv HOME /homeless-shelter", look("/ /build")),
		c("real/mat2", sys+dev+" --proc /proc --chdir / --tmpfs /tmp --unshare-user-try --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try --new-session --cap-drop all --bind @W/rw @W/rw", look("/ /tmp @W/rw")),
		c("real/debootstrap as root", "--bind @W / --unshare-user --uid 0 --gid 0 --ro-bind @B /.report", look("/ /src +/rw")),
	}
}

// signals that a launcher gets.
var someSignals = []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGUSR1, unix.SIGKILL}

// defectCases show what lichen does otherwise on purpose; see differences.
func defectCases() []testCase {
	return []testCase{
		c("defect/link to the old root", sys+" --bind @W/evil /m --dir /m/old/stub --bind @W/src /m/old/s", look("+/m")),
		c("defect/file through a link to the old root", sys+" --bind @W/evil /m --file 11 /m/old/f", fd(11, fdData+"x"), look("+/m")),
		c("defect/link to the new root", sys+" --dir /made --bind @W/evil /m --dir /m/new/x", look("+/made")),
		c("defect/absolute link as destination", sys+" --dir /real --symlink /real /l --bind @W/src /l", look("+/real")),
		c("defect/below an absolute link", sys+" --dir /real --symlink /real /l --dir /l/x", look("+/real")),
		c("defect/environment of pid 1", sys+proc+" --unshare-pid --clearenv", look("/proc/1/environ")),
		c("defect/magic link as directory", sys+proc+" --chdir /proc/self/fd/11", fd(11, fdPath+"@W/src")),

		stricter("uid", sys+" --uid 4294967296", only("user")),
		stricter("fd", sys+" --sync-fd 4294967297"),
		stricter("perms at the end", sys+" --perms 0700"),
		stricter("size at the end", sys+" --size 4096"),
		stricter("capability with more", sys+" --cap-add cap_kill,"),
		stricter("capability number with more", sys+" --cap-add 5x"),
		stricter("capability that is none", sys+" --cap-add 63"),
	}
}

// stricter is a case that lichen's parser refuses and bubblewrap does not.
func stricter(name, args string, opts ...option) testCase {
	return c("stricter/"+name, args, append(opts, run("true"))...)
}
