package spec

// Rootfs says which files the payload has below its mounts. With the zero
// value it has none but those of the grants, on a tmpfs.
type Rootfs struct {
	// Image is a reference to an OCI image, or "dir:DIR"; "" means none. The
	// front end that finds the image's tree adds it to Spec.Mounts, as the
	// MountImage of "/".
	Image string
	// Entrypoint replaces the image's own; nil keeps it, and an empty one means
	// none.
	Entrypoint []string
	Platform   string // "OS/ARCH[/VARIANT]"; "" means the host's
	Pull       PullPolicy
	IDs        IDs
	Write      RootfsWrite
	Keep       string // absolute host directory of a kept layer, with WriteKeep
	Size       uint64 // bytes of a layer in memory; 0 means DefaultRootfsSize
}

// DefaultRootfsSize bounds what a payload can write to its root file system
// where that is kept in memory.
const DefaultRootfsSize = 1 << 30

// RootfsWrite says where what the payload writes to an image goes.
type RootfsWrite uint8

const (
	WriteNone  RootfsWrite = iota // the image is read-only
	WriteTmpfs                    // to memory, and gone with the sandbox
	WriteKeep                     // to Rootfs.Keep
)

// PullPolicy says when an image is fetched.
type PullPolicy uint8

const (
	PullMissing PullPolicy = iota // when the store lacks it
	PullAlways                    // at every start
	PullNever
)

// IDs says which user and group ids there are inside.
type IDs uint8

const (
	// IDsSingle: one, which is the caller outside.
	IDsSingle IDs = iota
	// IDsSubuid: 0 is the caller, and 1 and up are the caller's ranges in
	// /etc/subuid and /etc/subgid (subuid(5)).
	IDsSubuid
	// IDsFake: one, and the calls that change owners and ids say that they
	// succeeded and do nothing.
	IDsFake
)
