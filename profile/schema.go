package profile

import "strings"

// keyID numbers the keys a profile may have, in the order they are printed.
type keyID uint8

const (
	keyVersion keyID = iota
	keyDescription
	keyExtends
	keyRemove

	keyCommand
	keyCwd
	keyHostname
	keyUID
	keyGID
	keyUmask
	keyNewSession
	keyPty
	keyLinger
	keyExitBySignal
	keyTimeout
	keyKillAfter
	keyKeepFDs

	keyEnvKeep
	keyEnvSet

	keyImage
	keyPlatform
	keyPull
	keyIDs
	keyEntrypoint
	keyRootfsWrite
	keyRootfsSize

	keyHost
	keyRO
	keyRW
	keyNoExec
	keyHide
	keyTmpfs
	keyMount

	keyIsolation
	keyNested
	keyNSUser
	keyNSMount
	keyNSPID
	keyNSIPC
	keyNSUTS
	keyNSCgroup
	keyNSNet
	keyNSTime

	keyNetMode

	keyLandlockMode
	keyLandlockRules
	keyTCPBind
	keyTCPConnect
	keyBestEffort
	keyScopeAbstract
	keyScopeSignal

	keySeccompMode
	keySeccompDefault
	keySeccompAllow
	keySeccompDeny
	keyDenyAction
	keySeccompRules
	keyCompat
	keySeccompPolicy

	keyLimitAS
	keyLimitCore
	keyLimitCPU
	keyLimitData
	keyLimitFsize
	keyLimitLocks
	keyLimitMemlock
	keyLimitMsgqueue
	keyLimitNice
	keyLimitNofile
	keyLimitNproc
	keyLimitRSS
	keyLimitRtprio
	keyLimitRttime
	keyLimitSigpending
	keyLimitStack

	keyLimitOutput
	keyCgroup
	keyMemoryMax
	keyMemoryHigh
	keySwapMax
	keyPidsMax
	keyCPUMax
	keyCPUWeight
	keyIOWeight
	keyIOMax

	keyServiceListen
	keyServiceNotify
	keyServiceDirectories

	keyCount
)

// kind is the form of a key's value.
type kind uint8

const (
	kindText     kind = iota // a string
	kindTemplate             // a string with variables
	kindCommand              // an array of strings with variables, overridden as a whole
	kindBool
	kindID       // a user or group id
	kindOctal    // "022"
	kindDuration // "30m"
	kindWord     // one of keyDef.words
	kindAction   // a seccomp action
	kindLimit    // a resource limit
	kindSize     // a number of bytes
	kindCgroup   // a limit by cgroup; keyDef.file is where it is written
	kindVersion
	kindUnbuilt // recognised, not built yet

	// The kinds below are lists: a later file adds to an earlier one.
	kindTexts
	kindPatterns // of environment names
	kindFDs
	kindPorts
	kindGrants // paths in the short form
	kindVars   // a table of names and values
	kindMounts // [[mount]]
	kindRules  // Landlock rules
)

// isList reports whether entries of the kind add up instead of overriding.
// Variables add up too, but each overrides its namesake.
func (k kind) isList() bool { return k >= kindTexts }

// unit is what a resource limit counts.
type unit uint8

const (
	unitCount unit = iota
	unitBytes
	unitSeconds
	unitMicroseconds
)

type keyDef struct {
	name  string
	kind  kind
	unit  unit
	words []string // kindWord: the values, in the order of their constants
	note  string   // kindUnbuilt: what is missing
	file  string   // limits by cgroup: the cgroup's file
}

// keys is the whole language. It is static data: the launcher runs no code to
// set it up.
var keys = [keyCount]keyDef{
	keyVersion:     {name: "version", kind: kindVersion},
	keyDescription: {name: "description", kind: kindText},
	keyExtends:     {name: "extends", kind: kindTexts},
	keyRemove:      {name: "remove", kind: kindTexts},

	keyCommand:      {name: "process.command", kind: kindCommand},
	keyCwd:          {name: "process.cwd", kind: kindTemplate},
	keyHostname:     {name: "process.hostname", kind: kindTemplate},
	keyUID:          {name: "process.uid", kind: kindID},
	keyGID:          {name: "process.gid", kind: kindID},
	keyUmask:        {name: "process.umask", kind: kindOctal},
	keyNewSession:   {name: "process.new_session", kind: kindBool},
	keyPty:          {name: "process.pty", kind: kindBool},
	keyLinger:       {name: "process.linger", kind: kindBool},
	keyExitBySignal: {name: "process.exit_by_signal", kind: kindBool},
	keyTimeout:      {name: "process.timeout", kind: kindDuration},
	keyKillAfter:    {name: "process.kill_after", kind: kindDuration},
	keyKeepFDs:      {name: "process.keep_fds", kind: kindFDs},

	keyEnvKeep: {name: "env.keep", kind: kindPatterns},
	keyEnvSet:  {name: "env.set", kind: kindVars},

	keyImage:       {name: "rootfs.image", kind: kindTemplate},
	keyPlatform:    {name: "rootfs.platform", kind: kindText},
	keyPull:        {name: "rootfs.pull", kind: kindWord, words: []string{"missing", "always", "never"}},
	keyIDs:         {name: "rootfs.ids", kind: kindWord, words: []string{"single", "subuid", "fake"}},
	keyEntrypoint:  {name: "rootfs.entrypoint", kind: kindCommand},
	keyRootfsWrite: {name: "rootfs.write", kind: kindTemplate},
	keyRootfsSize:  {name: "rootfs.size", kind: kindSize},

	keyHost:   {name: "fs.host", kind: kindGrants},
	keyRO:     {name: "fs.ro", kind: kindGrants},
	keyRW:     {name: "fs.rw", kind: kindGrants},
	keyNoExec: {name: "fs.noexec", kind: kindGrants},
	keyHide:   {name: "fs.hide", kind: kindGrants},
	keyTmpfs:  {name: "fs.tmpfs", kind: kindGrants},
	keyMount:  {name: "mount", kind: kindMounts},

	keyIsolation: {name: "namespaces.isolation", kind: kindWord, words: []string{"namespaces", "landlock"}},
	keyNested:    {name: "namespaces.nested", kind: kindBool},
	keyNSUser:    {name: "namespaces.user", kind: kindBool},
	keyNSMount:   {name: "namespaces.mount", kind: kindBool},
	keyNSPID:     {name: "namespaces.pid", kind: kindBool},
	keyNSIPC:     {name: "namespaces.ipc", kind: kindBool},
	keyNSUTS:     {name: "namespaces.uts", kind: kindBool},
	keyNSCgroup:  {name: "namespaces.cgroup", kind: kindBool},
	keyNSNet:     {name: "namespaces.net", kind: kindBool},
	keyNSTime:    {name: "namespaces.time", kind: kindBool},

	keyNetMode: {name: "network.mode", kind: kindWord, words: []string{"none", "host"}},

	keyLandlockMode:  {name: "landlock.mode", kind: kindWord, words: []string{"auto", "off"}},
	keyLandlockRules: {name: "landlock.rules", kind: kindRules},
	keyTCPBind:       {name: "landlock.tcp_bind", kind: kindPorts},
	keyTCPConnect:    {name: "landlock.tcp_connect", kind: kindPorts},
	keyBestEffort:    {name: "landlock.best_effort", kind: kindBool},
	keyScopeAbstract: {name: "landlock.scope_abstract", kind: kindBool},
	keyScopeSignal:   {name: "landlock.scope_signal", kind: kindBool},

	keySeccompMode:    {name: "seccomp.mode", kind: kindWord, words: []string{"filter", "off"}},
	keySeccompDefault: {name: "seccomp.default", kind: kindAction},
	keySeccompAllow:   {name: "seccomp.allow", kind: kindTexts},
	keySeccompDeny:    {name: "seccomp.deny", kind: kindTexts},
	keyDenyAction:     {name: "seccomp.deny_action", kind: kindAction},
	keySeccompRules:   {name: "seccomp.rules", kind: kindTexts},
	keyCompat:         {name: "seccomp.compat", kind: kindBool},
	keySeccompPolicy:  {name: "seccomp.policy", kind: kindUnbuilt, note: "reading minijail policies is not part of this build yet"},

	keyLimitAS:         {name: "limits.as", kind: kindLimit, unit: unitBytes},
	keyLimitCore:       {name: "limits.core", kind: kindLimit, unit: unitBytes},
	keyLimitCPU:        {name: "limits.cpu", kind: kindLimit, unit: unitSeconds},
	keyLimitData:       {name: "limits.data", kind: kindLimit, unit: unitBytes},
	keyLimitFsize:      {name: "limits.fsize", kind: kindLimit, unit: unitBytes},
	keyLimitLocks:      {name: "limits.locks", kind: kindLimit},
	keyLimitMemlock:    {name: "limits.memlock", kind: kindLimit, unit: unitBytes},
	keyLimitMsgqueue:   {name: "limits.msgqueue", kind: kindLimit, unit: unitBytes},
	keyLimitNice:       {name: "limits.nice", kind: kindLimit},
	keyLimitNofile:     {name: "limits.nofile", kind: kindLimit},
	keyLimitNproc:      {name: "limits.nproc", kind: kindLimit},
	keyLimitRSS:        {name: "limits.rss", kind: kindLimit, unit: unitBytes},
	keyLimitRtprio:     {name: "limits.rtprio", kind: kindLimit},
	keyLimitRttime:     {name: "limits.rttime", kind: kindLimit, unit: unitMicroseconds},
	keyLimitSigpending: {name: "limits.sigpending", kind: kindLimit},
	keyLimitStack:      {name: "limits.stack", kind: kindLimit, unit: unitBytes},

	keyLimitOutput: {name: "limits.output", kind: kindSize},
	keyCgroup:      {name: "limits.cgroup", kind: kindText},
	keyMemoryMax:   {name: "limits.memory_max", kind: kindCgroup, file: "memory.max", unit: unitBytes},
	keyMemoryHigh:  {name: "limits.memory_high", kind: kindCgroup, file: "memory.high", unit: unitBytes},
	keySwapMax:     {name: "limits.swap_max", kind: kindCgroup, file: "memory.swap.max", unit: unitBytes},
	keyPidsMax:     {name: "limits.pids_max", kind: kindCgroup, file: "pids.max"},
	keyCPUMax:      {name: "limits.cpu_max", kind: kindCgroup, file: "cpu.max"},
	keyCPUWeight:   {name: "limits.cpu_weight", kind: kindCgroup, file: "cpu.weight"},
	keyIOWeight:    {name: "limits.io_weight", kind: kindCgroup, file: "io.weight"},
	keyIOMax:       {name: "limits.io_max", kind: kindTexts, file: "io.max"},

	keyServiceListen:      {name: "service.listen", kind: kindBool},
	keyServiceNotify:      {name: "service.notify", kind: kindBool},
	keyServiceDirectories: {name: "service.directories", kind: kindBool},
}

// lastTopKey ends the keys outside of any table but mount.
const lastTopKey = keyRemove

// findKey returns the key called name in a section ("" for the top level).
func findKey(section, name string) (keyID, bool) {
	n := len(section)
	for id := range keyCount {
		full := keys[id].name
		switch {
		case n == 0:
			// A quoted key may have a dot in it: "process.cwd" = … at the
			// top level is not process.cwd.
			if full == name && strings.IndexByte(full, '.') < 0 {
				return id, true
			}
		case len(full) == n+1+len(name) && full[n] == '.' && full[:n] == section && full[n+1:] == name:
			return id, true
		}
	}
	return 0, false
}

// isSection reports whether a profile may have the table [name].
func isSection(name string) bool {
	n := len(name)
	for id := range keyCount {
		if full := keys[id].name; len(full) > n && full[n] == '.' && full[:n] == name {
			return true
		}
	}
	return false
}

// keySuggestion finds what a wrong key could have meant: a key of the same
// table, a table, or a key of the same name elsewhere.
func keySuggestion(section, name string) string {
	var near []string
	for id := range keyCount {
		full := keys[id].name
		table, base := splitKey(full)
		switch {
		case base == name && table != section:
			return "did you mean \"" + full + "\"?"
		case table == section:
			near = append(near, base)
		}
		if section == "" && table != "" {
			near = append(near, table)
		}
	}
	return didYouMean(name, near)
}

func splitKey(full string) (section, name string) {
	for i := range len(full) {
		if full[i] == '.' {
			return full[:i], full[i+1:]
		}
	}
	return "", full
}
