// Package record holds what a launch needs to know of an image, in a text that
// is cheap to read: the launcher parses no manifest.
package record

// Record is an image that is ready to run.
type Record struct {
	Reference string // canonical, as ref.Ref's String
	Platform  string // "linux/amd64", with variant "linux/arm64/v8"
	Manifest  string // digest of the image's manifest: "sha256:HEX"
	Config    string // digest of its config
	ChainID   string // of all its layers; names the tree

	// Stamp identifies the file that a local image was read from, so that a
	// changed one is seen: size, mtime in ns, inode. Empty for registries.
	Stamp string

	// As in the config.
	Entrypoint, Cmd, Env []string
	WorkingDir, User     string

	// UID and GID are what User means by the tree's /etc/passwd and
	// /etc/group. Where that could not be found out they are nil, and
	// UserError says why.
	UID, GID  *uint32
	UserError string
	Home      string // of User, by /etc/passwd; "" if unknown

	StopSignal            string
	ExposedPorts, Volumes []string // sorted
}

// field is one key of the text: exactly one of the pointers is set.
type field struct {
	key  string
	text *string
	list *[]string
	id   **uint32
}

// fields lists the keys in the order in which they are written.
func (r *Record) fields() [18]field {
	return [...]field{
		{key: "reference", text: &r.Reference},
		{key: "platform", text: &r.Platform},
		{key: "manifest", text: &r.Manifest},
		{key: "config", text: &r.Config},
		{key: "chain", text: &r.ChainID},
		{key: "stamp", text: &r.Stamp},
		{key: "entrypoint", list: &r.Entrypoint},
		{key: "cmd", list: &r.Cmd},
		{key: "env", list: &r.Env},
		{key: "workdir", text: &r.WorkingDir},
		{key: "user", text: &r.User},
		{key: "uid", id: &r.UID},
		{key: "gid", id: &r.GID},
		{key: "user-error", text: &r.UserError},
		{key: "home", text: &r.Home},
		{key: "stop-signal", text: &r.StopSignal},
		{key: "port", list: &r.ExposedPorts},
		{key: "volume", list: &r.Volumes},
	}
}
