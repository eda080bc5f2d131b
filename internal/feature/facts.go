// Package feature finds out what this host and kernel can do. What a Plan
// depends on besides its Spec comes in as one [Facts] value.
package feature

import (
	"io/fs"

	"github.com/lichen-sandbox/lichen/internal/nofile"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Facts is what sandbox.Compile knows of the host.
type Facts struct {
	UID, GID uint32
	// LandlockABI is the version that landlock_create_ruleset(2) reports; 0
	// where Landlock is missing or off.
	LandlockABI int
	// SubIDs reads the caller's ranges of subordinate ids.
	SubIDs func() (subid.Mapping, error)
	// Environ is the caller's environment, "NAME=VALUE".
	Environ []string
	// Stdio describes descriptors 0 to 2.
	Stdio [3]Descriptor
	// NoFile is the caller's own limit on open files where the Go runtime has
	// raised the soft one since; else Soft and Hard are the same.
	NoFile Limit
	// HardLimit returns the caller's hard limit for an RLIMIT_ number.
	HardLimit func(resource int) uint64
	// Terminal reports whether a standard descriptor is a terminal.
	Terminal func(fd int) bool
	// Descriptor describes an open descriptor of the caller's.
	Descriptor func(fd int) Descriptor
	// Files answers questions about the host's files.
	Files Files
}

// Limit is a resource limit; see setrlimit(2).
type Limit struct{ Soft, Hard uint64 }

// Files is the part of the host's file system that compiling looks at.
type Files interface {
	// Lstat describes path without following a link in its last component.
	Lstat(path string) (fs.FileMode, error)
	// Stat follows links.
	Stat(path string) (fs.FileMode, error)
	Readlink(path string) (string, error)
	// StatIn describes the file at rel in a root of its own, following links as
	// they are meant there; follow is about the last component.
	StatIn(root, rel string, follow bool) (fs.FileMode, error)
	// Usable reports why the caller could not use path as a source: it may
	// not read the file or search the directory.
	Usable(path string, mode fs.FileMode) error
}

// DescriptorKind says what a descriptor is open on.
type DescriptorKind uint8

const (
	DescriptorOther   DescriptorKind = iota // a pipe, a socket: nothing that can be opened again
	DescriptorClosed                        // not open
	DescriptorFile                          // a regular file
	DescriptorCharDev                       // a character device, such as a terminal
	DescriptorNull                          // /dev/null
	DescriptorDir                           // a directory
	DescriptorPath                          // O_PATH: a place, not a file
)

// Descriptor is an open descriptor of the caller's.
type Descriptor struct {
	Kind     DescriptorKind
	Readable bool
	Writable bool
}

// Gather asks the kernel for the facts.
func Gather(environ []string) *Facts {
	f := &Facts{
		UID: uint32(sys.Getuid()), GID: uint32(sys.Getgid()),
		LandlockABI: sys.LandlockABI(),
		Environ:     environ,
		HardLimit:   sys.HardLimit,
		Terminal:    sys.IsTerminal,
		Descriptor:  describe,
		Files:       HostFiles{},
	}
	f.SubIDs = func() (subid.Mapping, error) { return subid.ReadMapping(subid.Caller(f.UID), f.GID) }
	f.NoFile.Soft, f.NoFile.Hard = nofile.Started()
	for fd := range f.Stdio {
		f.Stdio[fd] = describe(fd)
	}
	return f
}

func describe(fd int) Descriptor {
	st, err := sys.StatFD(fd)
	if err != nil {
		return Descriptor{Kind: DescriptorClosed}
	}
	access := st.Flags & sys.O_ACCMODE
	d := Descriptor{Readable: access != sys.O_WRONLY, Writable: access != sys.O_RDONLY}
	switch {
	case st.Mode.IsDir():
		d.Kind = DescriptorDir
	case st.Flags&sys.O_PATH != 0:
		d.Kind = DescriptorPath
	case st.Null:
		d.Kind = DescriptorNull
	case st.Mode&fs.ModeCharDevice != 0:
		d.Kind = DescriptorCharDev
	case st.Mode.IsRegular():
		d.Kind = DescriptorFile
	}
	return d
}

// HostFiles is the real host's file system.
type HostFiles struct{}

// Lstat implements Files.
func (HostFiles) Lstat(path string) (fs.FileMode, error) {
	return sys.Stat(path, sys.AT_SYMLINK_NOFOLLOW)
}

// Stat implements Files.
func (HostFiles) Stat(path string) (fs.FileMode, error) { return sys.Stat(path, 0) }

// StatIn implements Files.
func (HostFiles) StatIn(root, rel string, follow bool) (fs.FileMode, error) {
	return sys.StatIn(root, rel, follow)
}

// Readlink implements Files.
func (HostFiles) Readlink(path string) (string, error) { return sys.Readlink(path) }

// Usable implements Files.
func (HostFiles) Usable(path string, mode fs.FileMode) error {
	want := uint32(sys.R_OK)
	if mode.IsDir() {
		want = sys.X_OK
	} else if mode&fs.ModeType != 0 {
		return nil // opening a device or a socket is decided at open
	}
	return sys.Access(path, want)
}
