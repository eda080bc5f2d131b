package unit

import (
	"strings"
)

// fate is what becomes of a directive.
type fate uint8

const (
	carried fate = iota // read elsewhere in this package
	already             // every sandbox fulfils it
	left                // systemd's business, whoever starts the program
	missed              // not in the profile: said why
	cgroup              // enforced by systemd on the unit's cgroup
	outside             // a program beside the sandbox
	unknown
)

const (
	cgroupReason  = "systemd enforces this on the unit's cgroup; it holds for a sandbox in it: keep it in the unit that starts lichen"
	outsideReason = "it runs outside of the sandbox: keep it in the unit that starts lichen, if at all"
	unknownReason = "lichen does not know this directive"
)

// fates gives every setting that nothing has read the word it deserves.
func (i *importer) fates() {
	for n, s := range i.settings {
		if i.superseded(n) || s.value == "" {
			continue
		}
		f, reason := fateOf(s.name)
		value, isBool := parseBool(s.value)
		switch f {
		case already:
			if !isBool || value {
				i.already = append(i.already, s.name)
			}
		case left:
			i.left = append(i.left, s.name)
		case missed, cgroup, outside, unknown:
			if !isBool || value || s.value == "0" || f == unknown { // AllowedCPUs=0 is no switch
				i.miss(s, reason)
			}
		}
	}
}

// superseded reports whether a later assignment takes this one back.
func (i *importer) superseded(n int) bool {
	for _, s := range i.settings[n+1:] {
		if s.name == i.settings[n].name && s.value == "" && s.name != "ProcSubset" { // of one word; see kept
			return true
		}
	}
	return false
}

// fateOf looks a directive up.
func fateOf(name string) (fate, string) {
	for _, r := range fates {
		for word := range strings.FieldsSeq(r.names) {
			if matches(word, name) {
				return r.fate, r.reason
			}
		}
	}
	if strings.HasPrefix(name, "X-") {
		return left, ""
	}
	return unknown, unknownReason
}

// matches compares a name with one of the table, where a star stands for
// anything at its place.
func matches(pattern, name string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// fates is systemd.exec(5), systemd.service(5), systemd.kill(5) and
// systemd.resource-control(5), as of systemd 257. The first row that names a
// directive decides.
var fates = []struct {
	fate          fate
	names, reason string
}{
	{carried, "ExecStart WorkingDirectory UMask Environment PassEnvironment EnvironmentFile UnsetEnvironment RuntimeMaxSec TimeoutStopSec TimeoutSec Type", ""},
	{carried, "ReadWritePaths ReadOnlyPaths InaccessiblePaths ExecPaths NoExecPaths BindPaths BindReadOnlyPaths TemporaryFileSystem ProtectHome PrivateTmp DeviceAllow RootDirectory DynamicUser", ""},
	{carried, "PrivateNetwork RestrictAddressFamilies SystemCallFilter SystemCallErrorNumber LockPersonality MemoryDenyWriteExecute RestrictRealtime", ""},
	{carried, "MemoryMax MemoryHigh MemorySwapMax TasksMax CPUQuota CPUWeight IOWeight IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax", ""},
	{carried, "LimitCPU LimitFSIZE LimitDATA LimitSTACK LimitCORE LimitRSS LimitNOFILE LimitAS LimitNPROC LimitMEMLOCK LimitLOCKS LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME", ""},
	{carried, "RuntimeDirectory StateDirectory CacheDirectory LogsDirectory ConfigurationDirectory LoadCredential LoadCredentialEncrypted SetCredential SetCredentialEncrypted ImportCredential Sockets KillSignal", ""},

	{already, "ProtectSystem PrivateDevices DevicePolicy PrivateUsers PrivateIPC PrivateMounts PrivatePIDs MountFlags MountAPIVFS", ""},
	{already, "ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectControlGroups ProtectClock ProtectHostname ProtectProc", ""},
	{already, "NoNewPrivileges RestrictNamespaces RestrictSUIDSGID RemoveIPC KeyringMode SystemCallArchitectures SecureBits", ""},

	{missed, "ProcSubset", "/proc shows the kernel's files (cpuinfo, meminfo, and so on) beside the sandbox's own processes"},
	{missed, "User Group SupplementaryGroups SetLoginEnvironment PAMName", "the sandbox runs as whoever starts lichen: keep it in the unit that does"},
	{missed, "CapabilityBoundingSet AmbientCapabilities Capabilities", "a program in a sandbox has no capabilities at all: what it needs one for fails"},
	{missed, "RootImage RootHash* RootVerity RootImageOptions RootImagePolicy RootEphemeral MountImages MountImagePolicy ExtensionImages ExtensionImagePolicy ExtensionDirectories", "lichen mounts no disk images: unpack one into a directory, and name that in rootfs.image"},
	{missed, "SELinuxContext AppArmorProfile SmackProcessLabel", "systemd sets it for the program that it starts itself, which is lichen: it may forbid lichen to make the sandbox"},
	{missed, "NetworkNamespacePath JoinsNamespaceOf IPCNamespacePath UserNamespacePath PIDNamespacePath", "a sandbox does not join namespaces of others"},
	{missed, "Personality", "a profile sets no execution domain; keep it in the unit that starts lichen"},
	{missed, "MemoryKSM BlockIO* CPUShares StartupCPUShares", "a profile has no key for it"},
	{missed, "BusName", "the sandbox shows no bus: add a [[mount]] with the option \"socket\", and everybody on that bus is in reach"},
	{missed, "TTYPath TTYReset TTYVHangup TTYVTDisallocate TTYRows TTYColumns UtmpIdentifier UtmpMode", "the sandbox passes on what systemd opens; it has no say in the terminal"},
	{missed, "OpenFile", "systemd passes the descriptor by LISTEN_FDS, which the profile passes on only with service.listen"},

	{cgroup, "IPAddressAllow IPAddressDeny IPIngressFilterPath IPEgressFilterPath SocketBindAllow SocketBindDeny RestrictNetworkInterfaces RestrictFileSystems BPFProgram NFTSet", cgroupReason},
	{cgroup, "AllowedCPUs AllowedMemoryNodes StartupAllowedCPUs StartupAllowedMemoryNodes MemoryZSwapMax IODeviceWeight IODeviceLatencyTargetSec StartupCPUWeight StartupIOWeight StartupMemory* DefaultStartupMemory*", cgroupReason},

	{outside, "ExecStartPre ExecStartPost ExecCondition ExecStop ExecStopPost", outsideReason},

	{left, "ExecReload ExecReloadPost Restart* SuccessExitStatus Timeout* RemainAfterExit GuessMainPID PIDFile NotifyAccess WatchdogSec WatchdogSignal FileDescriptorStore* FailureAction SuccessAction ExitType NonBlocking RootDirectoryStartOnly ReloadSignal PermissionsStartOnly USBFunction* RefreshOnReload", ""},
	{left, "KillMode RestartKillSignal SendSIGHUP SendSIGKILL FinalKillSignal StartLimit* OOM* ManagedOOM* MemoryPressure* CoredumpReceive", ""},
	{left, "Standard* Syslog* Log* TTY* Nice CPUScheduling* CPUAffinity IOScheduling* NUMA* TimerSlackNSec CoredumpFilter IgnoreSIGPIPE SystemCallLog BindLogSockets", ""},
	{left, "Slice Delegate DelegateSubgroup DisableControllers *Accounting MemoryMin MemoryLow DefaultMemory* CPUQuotaPeriodSec", ""},
	{left, "RuntimeDirectoryMode RuntimeDirectoryPreserve StateDirectoryMode CacheDirectoryMode LogsDirectoryMode ConfigurationDirectoryMode StateDirectoryQuota StateDirectoryAccounting CacheDirectoryQuota LogsDirectoryQuota TimeoutCleanSec", ""},
}
