package feature

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// checkNamespaceLimits: the limits hold per user namespace and all the way up.
func checkNamespaceLimits(h *Host) *Finding {
	const name = "namespace limits"
	var none []string
	for _, ns := range []string{"user", "mnt", "pid", "ipc", "uts", "cgroup", "net"} {
		if n, ok := h.number("/proc/sys/user/max_" + ns + "_namespaces"); ok && n == 0 {
			none = append(none, "user.max_"+ns+"_namespaces")
		}
	}
	if none == nil {
		return fine(name, "none is 0")
	}
	return &Finding{Name: name, Status: Fail, Detail: strings.Join(none, ", ") + " = 0", Cause: "an administrator has forbidden these namespaces",
		Fix: "sysctl " + strings.Join(none, "=10000 ") + "=10000"}
}

// checkUsernsSwitch reads the switch that Debian's kernels add.
func checkUsernsSwitch(h *Host) *Finding {
	const name = "user namespaces"
	n, ok := h.number("/proc/sys/kernel/unprivileged_userns_clone")
	switch {
	case !ok:
		return nil
	case n != 0 || h.UID == 0:
		return fine(name, "kernel.unprivileged_userns_clone = "+strconv.Itoa(n))
	}
	return &Finding{Name: name, Status: Fail, Detail: "kernel.unprivileged_userns_clone = 0", Cause: "an administrator has forbidden user namespaces",
		Fix: "sysctl kernel.unprivileged_userns_clone=1"}
}

// checkAppArmor only warns: the restriction exempts programs by profile, and
// whether lichen is one shows when a sandbox is made.
func checkAppArmor(h *Host) *Finding {
	const name = "AppArmor"
	n, ok := h.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	switch {
	case !ok:
		return nil
	case n == 0:
		return fine(name, "does not restrict user namespaces")
	}
	label, _ := h.ReadFile("/proc/self/attr/current") // unreadable is no name to show
	return &Finding{Name: name, Status: Warn,
		Detail: "restricts user namespaces; lichen runs as " + strconv.Quote(strings.Trim(label, "\n\x00")),
		Cause:  "kernel.apparmor_restrict_unprivileged_userns = 1 (Ubuntu 23.10 and newer)",
		Fix:    "give lichen a profile with 'userns,' in /etc/apparmor.d, or: sysctl kernel.apparmor_restrict_unprivileged_userns=0"}
}

// checkProc: the kernel mounts a new procfs for a user only where one of this
// mount namespace is whole (mount_too_revealing in fs/namespace.c).
func checkProc(h *Host) *Finding {
	const name = "/proc"
	mounts, err := h.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return &Finding{Name: name, Status: Fail, Detail: "not there", Cause: err.Error(), Fix: "mount -t proc proc /proc"}
	}
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], "/proc/") && f[4] != "/proc/sys/fs/binfmt_misc" {
			return &Finding{Name: name, Status: Warn, Detail: f[4] + " is mounted over a part of it",
				Cause: "a container masks parts of /proc, and the kernel then refuses a new one",
				Fix:   "podman run --security-opt unmask=ALL, or leave proc out of the profile"}
		}
	}
	return fine(name, "whole")
}

// checkExecutable: a program that its user cannot read is not dumpable, and
// its files in /proc belong to root.
func checkExecutable(h *Host) *Finding {
	const name = "lichen's file"
	if h.Executable == "" {
		return nil
	}
	if err := h.Access(h.Executable, sys.R_OK); err != nil {
		return &Finding{Name: name, Status: Fail, Detail: h.Executable, Cause: "you may execute it but not read it, which closes its /proc files: " + err.Error(),
			Fix: "chmod +r " + h.Executable}
	}
	return fine(name, h.Executable)
}

// checkGroups: setgroups(2) is denied where a user maps ids alone
// (user_namespaces(7)), so that these groups stay.
func checkGroups(h *Host) *Finding {
	const name = "groups"
	var extra []string
	for _, g := range h.Groups {
		if g != h.GID {
			extra = append(extra, strconv.Itoa(g))
		}
	}
	if extra == nil {
		return fine(name, "no supplementary ones")
	}
	return &Finding{Name: name, Status: Warn, Detail: "supplementary: " + strings.Join(extra, ", "),
		Cause: "a user cannot drop groups: inside, the files of these groups stay open to the payload where the profile grants them",
		Fix:   "grant no directory that relies on these groups to keep the payload out"}
}

func checkRoot(h *Host) *Finding {
	if h.UID != 0 {
		return nil
	}
	return &Finding{Name: "user", Status: Warn, Detail: "lichen runs as root",
		Cause: "the payload owns what root owns: files that only root may read are readable where the profile grants them",
		Fix:   "run lichen as a plain user, or hide what matters"}
}

// checkIDRanges informs only: a single id needs none.
func checkIDRanges(h *Host) *Finding {
	const name = "id ranges"
	for _, program := range []string{"newuidmap", "newgidmap"} {
		if _, err := h.LookPath(program); err != nil {
			return fine(name, "none ("+program+" is not installed); profiles with one id do without")
		}
	}
	if !h.hasRange("/etc/subuid") || !h.hasRange("/etc/subgid") {
		return fine(name, "none in /etc/subuid and /etc/subgid; profiles with one id do without")
	}
	return fine(name, "newuidmap, newgidmap and ranges are there")
}

func (h *Host) hasRange(path string) bool {
	text, err := h.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(text) {
		owner, _, _ := strings.Cut(line, ":")
		if owner == strconv.Itoa(h.UID) || owner == h.User && owner != "" {
			return true
		}
	}
	return false
}
