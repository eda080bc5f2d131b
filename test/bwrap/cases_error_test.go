package bwrap

import "strings"

// opErrorCases are operations that fail.
func opErrorCases() []testCase {
	var list []testCase
	for _, args := range []string{
		"--bind /nothing /x", "--ro-bind /nothing /x", "--dev-bind /nothing /x", "--bind @W/dang /x", "--bind '' /x",
		"--bind @W/src/f/x /x", "--bind-try @W/src/f/x /x", "--bind-try @W/dang /x", "--ro-bind-try /nothing /x",
		"--dir /a --bind @W/src/f /a", "--file 11 /a --bind @W/src /a", "--bind @W/src /usr/new", "--bind @W/src/f /usr/new",
		"--dir /usr/new", "--dir /usr/new/er", "--file 11 /usr/new", "--file 11 /a --dir /a", "--file 11 /a --dir /a/b", "--file 11 /a --dir /a/b/c",
		"--dir /a --file 11 /a", "--file 11 /a/", "--file 11 /", "--tmpfs /usr/new", "--proc /usr/new", "--dev /usr/new",
		"--file 11 /a --tmpfs /a", "--file 11 /a --proc /a", "--file 11 /a --dev /a", "--bind-data 11 /usr/new", "--dir /a --bind-data 11 /a",
		"--remount-ro /nothing", "--dir /a --remount-ro /a", "--remount-ro /usr/bin", "--chmod 700 /nothing", "--chmod 700 /usr",
		"--symlink x /usr/new", "--symlink l2 /l1 --symlink l1 /l2 --dir /l1/x", "--remount-ro / --dir /new", "--remount-ro / --bind @W/src /new",
		"--chdir /nothing", "--mqueue /usr", "--symlink nowhere /l --bind @W/src /l", "--symlink /nowhere /l --tmpfs /l",
	} {
		list = append(list, c("error/"+args, sys+" "+args, run("true"), fd(11, fdData+"x")))
	}
	return append(list,
		c("error/symlink on a directory", sys+" --symlink x /usr", run("true"), since(9)),
		c("error/symlink on another", sys+" --symlink a /l --symlink b /l", run("true"), since(9)),
		c("error/symlink on a file", sys+" --file 11 /f --symlink a /f", fd(11, fdData), run("true"), since(9)),
		c("error/hostname too long", sys+" --unshare-uts --hostname "+strings.Repeat("a", 65), run("true")),
		c("error/told with a level", sys+" --level-prefix --bind /nothing /x", run("true"), since(11)),
		c("error/a closed directory", sys+" --bind @W/closed/x /x", run("true")),
	)
}

// parseErrorCases are command lines that no program starts from.
func parseErrorCases() []testCase {
	var list []testCase
	for _, args := range []string{
		"--nosuch", "-x", "-", "---bind", "--unshare-pid=1", "--Bind", "--args", "--args x", "--args 99", "--args -1",
		"--bind", "--bind a", "--ro-bind a", "--dev-bind a", "--bind-try a", "--ro-bind-try a", "--dev-bind-try a", "--bind-fd", "--bind-fd x y", "--ro-bind-fd a",
		"--remount-ro", "--exec-label", "--file-label", "--proc", "--dev", "--tmpfs", "--mqueue", "--dir", "--file", "--file x y", "--file a",
		"--bind-data a", "--bind-data x y", "--ro-bind-data a", "--ro-bind-data x y", "--symlink a", "--chmod 9", "--chmod 9 /", "--chmod 10000 /",
		"--perms", "--perms 8 --dir /x", "--perms 10000 --dir /x", "--perms -1 --dir /x", "--perms '' --dir /x", "--perms 755x --dir /x",
		"--perms 1 --perms 2 --dir /x", "--perms 1 --bind a b", "--perms 1 --symlink a b", "--perms 1 --chmod 1 /", "--perms 1 --proc /p", "--perms 1 --dev /p",
		"--perms 1 --mqueue /p", "--perms 1 --setenv A b", "--perms 1 --unshare-pid", "--perms 1 --remount-ro /", "--size", "--size 0 --tmpfs /x",
		"--size -1 --tmpfs /x", "--size 4k --tmpfs /x", "--size '' --tmpfs /x", "--size 99999999999999999999 --tmpfs /x",
		"--size 18446744073709551615 --tmpfs /x", "--size 9223372036854775808 --tmpfs /x", "--size 1 --size 1 --tmpfs /x", "--size 1 --dir /x",
		"--size 1 --perms 1 --dir /x", "--size 1 --bind a b", "--setenv", "--setenv A", "--unsetenv", "--uid", "--uid x", "--uid -1", "--uid 4294967295",
		"--gid", "--gid x", "--gid -1", "--hostname", "--chdir", "--lock-file", "--sync-fd", "--sync-fd x", "--sync-fd -1", "--sync-fd 2147483648",
		"--block-fd", "--block-fd x", "--userns-block-fd", "--userns-block-fd x", "--userns-block-fd 5", "--info-fd", "--info-fd -1", "--json-status-fd",
		"--json-status-fd x", "--seccomp", "--seccomp x", "--add-seccomp-fd", "--add-seccomp-fd x", "--userns", "--userns x", "--userns2", "--userns2 x",
		"--pidns", "--pidns x", "--cap-add", "--cap-add CAP_X", "--cap-add kill", "--cap-add ''", "--cap-add -1", "--cap-add 64", "--cap-drop", "--cap-drop CAP_X",
		"--unshare-user --userns-block-fd 5", "--userns 5 --unshare-user", "--userns 5 --unshare-user-try", "--userns 5 --unshare-all", "--disable-userns",
		"--unshare-all --disable-userns", "--unshare-user --disable-userns --userns-block-fd 5 --info-fd 6",
		"--hostname x", "--as-pid-1", "--unshare-pid --as-pid-1 --lock-file /x", "--uid 5 --uid x", "--sync-fd 5 --sync-fd x", "--chdir a --chdir",
	} {
		list = append(list, refused(args))
	}
	for _, args := range []string{
		"--argv0", "--argv0 a --argv0 b", "--overlay", "--overlay a b", "--overlay a b c", "--tmp-overlay", "--tmp-overlay a", "--ro-overlay",
		"--ro-overlay a", "--overlay-src a", "--overlay-src a --dir b", "--overlay-src a --perms 1 --tmp-overlay b", "--overlay-src a --ro-overlay b",
		"--overlay-src a --bind b c", "--perms 1 --overlay-src a", "--level-prefix --nosuch", "--nosuch --level-prefix", "--level-prefix --uid 1 --uid x",
	} {
		list = append(list, refused(args, since(11), run("-")))
	}
	return append(list,
		refused("--args 11", fd(11, fdData+`--args\05\0`)),
		refused("--args 11 --dir /x", fd(11, fdData+`--perms\0`+`700\0`)),
		refused("--seccomp 11 --add-seccomp-fd 11", fd(11, fdWhole)),
		refused("--add-seccomp-fd 11 --seccomp 11", fd(11, fdWhole)),
		refused("--args 11 --nosuch", fd(11, fdData+strings.Repeat(`--unshare-pid\0`, 9001))),
		c("told/nothing at all", "", run("-")),
		c("told/no command", sys+" --unshare-pid --", run("-")),
		c("told/no command but bad options", "--uid 5 --hostname x", run("-")),
		c("told/version", "--version --nosuch", run("-")),
		c("told/help", "--help --nosuch", run("-")),
		c("told/help in a list", "--args 11", fd(11, fdData+`--bind\0a\0b\0--help\0`), run("-")),
	)
}
