package main

import (
	"runtime"
	"runtime/debug"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version string

// versionCommand is "lichen-tools --version".
func versionCommand(u *ui, args []string) int {
	if len(args) > 0 {
		return u.fail(usageError("", "--version stands alone"))
	}
	return u.print("lichen-tools " + versionText() + " (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")\n")
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "(development)"
}
