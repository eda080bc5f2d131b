package sys

import "golang.org/x/sys/unix"

// rlimits maps the names of getrlimit(2), without RLIMIT_ and in lower case,
// to numbers. rss, nproc, nofile, memlock and as differ on some architectures;
// not on those that lichen runs on.
var rlimits = [...]string{
	unix.RLIMIT_CPU: "cpu", unix.RLIMIT_FSIZE: "fsize", unix.RLIMIT_DATA: "data", unix.RLIMIT_STACK: "stack",
	unix.RLIMIT_CORE: "core", unix.RLIMIT_RSS: "rss", unix.RLIMIT_NPROC: "nproc", unix.RLIMIT_NOFILE: "nofile",
	unix.RLIMIT_MEMLOCK: "memlock", unix.RLIMIT_AS: "as", unix.RLIMIT_LOCKS: "locks", unix.RLIMIT_SIGPENDING: "sigpending",
	unix.RLIMIT_MSGQUEUE: "msgqueue", unix.RLIMIT_NICE: "nice", unix.RLIMIT_RTPRIO: "rtprio", unix.RLIMIT_RTTIME: "rttime",
}

// RlimitByName returns the resource that name stands for.
func RlimitByName(name string) (resource int, ok bool) {
	for i, n := range rlimits {
		if n == name {
			return i, true
		}
	}
	return 0, false
}
