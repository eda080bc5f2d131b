package reference

// Options say how a tree on disk is to be read.
type Options struct {
	// Owners holds what a single-id unpacker writes down instead of doing, by
	// path relative to the root ("." for it). It replaces what the disk says.
	// Nil: the disk says it.
	Owners map[string]Owner
	// OwnersDefault is for paths that Owners lacks. Used with Owners only.
	OwnersDefault *Owner
	// Single says that nothing was chowned: all on disk must belong to Self,
	// and with Owners nil, owners are not compared beyond that.
	Single bool
	Self   [2]uint32
	// UIDs and GIDs map what is on disk back to what it is inside. Empty: the same.
	UIDs, GIDs []Range
	// Devices says that device nodes were made. Otherwise they must not be
	// there, unless Owners records them.
	Devices bool
	// OwnXattr is an attribute in which an unpacker keeps its own records.
	OwnXattr string
	// Ignore lists differences not to report, as the words that Diff begins
	// them with: "mtime", "xattr".
	Ignore []string
}

// Owner is what is written down of an entry.
type Owner struct {
	Mode         uint32
	HasMode      bool // else the mode is as on disk
	UID, GID     uint32
	Type         byte // 0, or tar.TypeChar, TypeBlock of a device that was not made
	Major, Minor uint32
	Xattrs       map[string]string // in addition to those on disk
}

// Range is a line of an id map: Inside..Inside+Count-1 is Outside.. on disk.
type Range struct{ Inside, Outside, Count uint32 }
