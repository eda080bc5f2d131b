package feature

import (
	"strconv"
	"strings"
)

func checkKernel(h *Host) *Finding {
	release, err := h.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return &Finding{Name: "kernel", Status: Fail, Detail: "unknown", Cause: "/proc cannot be read: " + err.Error(),
			Fix: "mount -t proc proc /proc"}
	}
	release = strings.TrimSpace(release)
	if !atLeast(release, 5, 13) {
		return &Finding{Name: "kernel", Status: Warn, Detail: "Linux " + release, Cause: "lichen needs Linux 5.13",
			Fix: "install a newer kernel"}
	}
	return fine("kernel", "Linux "+release)
}

// atLeast compares the first two numbers of a release. What has none counts
// as new: the calls themselves are tried as well.
func atLeast(release string, major, minor int) bool {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) < 2 {
		return true
	}
	a, _ := strconv.Atoi(parts[0]) // digits only; out of range is large
	b, _ := strconv.Atoi(parts[1])
	return a > major || a == major && b >= minor
}

func checkCalls(h *Host) *Finding {
	const name = "system calls"
	if len(h.Missing) == 0 {
		return fine(name, "all that sandboxes need")
	}
	var missing []string
	for _, p := range h.Missing {
		missing = append(missing, p.Name+" (Linux "+p.Linux+")")
	}
	f := &Finding{Name: name, Status: Fail, Detail: "missing: " + strings.Join(missing, ", "),
		Cause: "the kernel is too old", Fix: "install Linux 5.13 or newer"}
	if h.filtered() {
		f.Cause = "lichen itself runs under a seccomp filter (a container or a sandbox) that hides them"
		f.Fix = "allow them in that filter; for podman and docker: --security-opt seccomp=unconfined"
	}
	return f
}

func checkConfined(h *Host) *Finding {
	if !h.filtered() {
		return nil
	}
	return fine("confinement", "lichen itself runs under a seccomp filter; what that forbids is forbidden inside as well")
}

// landlockSteps says what each version of Landlock added that profiles use.
var landlockSteps = [...]struct {
	abi         int
	what, linux string
}{
	{1, "file-system rules", "5.13"},
	{2, "renaming between directories", "5.19"},
	{3, "rules on truncation", "6.2"},
	{4, "rules on TCP ports", "6.7"},
	{5, "rules on devices", "6.10"},
	{6, "scopes for signals and abstract sockets", "6.12"},
	{9, "rules on unix sockets", "7.1"},
}

func checkLandlock(h *Host) *Finding {
	const name = "Landlock"
	var missing []string
	for _, s := range landlockSteps {
		if h.LandlockABI < s.abi {
			missing = append(missing, s.what+" (Linux "+s.linux+")")
		}
	}
	f := fine(name, "version "+strconv.Itoa(h.LandlockABI))
	if len(missing) > 0 {
		f.Detail += "; not there yet: " + strings.Join(missing, ", ")
	}
	if h.LandlockABI == 0 {
		f.Status, f.Detail = Warn, "none"
		f.Cause = h.whyNoLandlock()
		f.Fix = "add landlock to lsm= on the kernel's command line; or landlock.best_effort = true in the profile"
	}
	return f
}

func (h *Host) whyNoLandlock() string {
	list, err := h.ReadFile("/sys/kernel/security/lsm")
	switch {
	case h.filtered():
		return "hidden by the seccomp filter that lichen runs under, not built into the kernel, or not switched on"
	case err == nil && !strings.Contains(list, "landlock"):
		return "not among the active security modules: " + strings.TrimSpace(list)
	}
	return "not built into this kernel (CONFIG_SECURITY_LANDLOCK), or not switched on at boot"
}

func checkSeccomp(h *Host) *Finding {
	const name = "seccomp"
	actions, err := h.ReadFile("/proc/sys/kernel/seccomp/actions_avail")
	if err != nil {
		return &Finding{Name: name, Status: Fail, Detail: "no filters", Cause: "the kernel is built without CONFIG_SECCOMP_FILTER",
			Fix: "install a kernel that has it"}
	}
	for _, a := range []string{"kill_process", "errno", "trap", "log"} {
		if !strings.Contains(" "+strings.TrimSpace(actions)+" ", " "+a+" ") {
			return &Finding{Name: name, Status: Warn, Detail: "no action " + a, Cause: "the kernel is older than Linux 4.14",
				Fix: "install a newer kernel"}
		}
	}
	return fine(name, "actions: "+strings.TrimSpace(actions))
}

func checkOverlay(h *Host) *Finding {
	const name = "overlay"
	list, err := h.ReadFile("/proc/filesystems")
	if err == nil && !strings.Contains(list, "\toverlay\n") {
		// fsopen(2) loads it, where the kernel comes with it.
		return fine(name, "not loaded yet; the first overlay loads it, or else: modprobe overlay")
	}
	return fine(name, "the kernel has it")
}

// checkTIOCSTI: since Linux 6.2 the terminal injection call can be switched
// off for the whole host.
func checkTIOCSTI(h *Host) *Finding {
	const name = "terminal injection"
	if n, ok := h.number("/proc/sys/dev/tty/legacy_tiocsti"); ok && n == 0 {
		return fine(name, "switched off on this host (dev.tty.legacy_tiocsti = 0)")
	}
	return fine(name, "possible on this host (TIOCSTI); lichen's filter refuses it, so keep seccomp on, or use --new-session")
}
