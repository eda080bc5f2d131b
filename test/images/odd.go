package images

import (
	"archive/tar"
	"strings"
	"time"
)

// seed is what the layers above change: on its own it is a tree with nearly
// every kind of entry that a layer can hold.
func seed() []Entry {
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // cap_net_bind_service+ep
	long := strings.Repeat("long-", 50) + "name!"                                                    // 255 bytes
	entries := []Entry{
		dir("seed/", 0o755), {Name: "seed/file", Body: "of the seed\n"}, dir("seed/dir/", 0o755),
		{Name: "seed/dir/victim", Body: "x"}, {Name: "seed/dir/kept", Body: "kept"},
		link("seed/abs", "/seed/dir"), link("seed/climb", "../../../../seed/dir"), link("seed/dangling", "/nowhere/at/all"),
		link("seed/loop", "loop"), link("seed/long-link", strings.Repeat("d/../", 60)+"dir"),
		{Name: "odd/", Type: tar.TypeDir, Mode: 0o755, UID: 1000, GID: 1000, ModTime: time.Unix(1234567890, 123456789)},
		{Name: "bin/through-link", Mode: 0o755, Body: "#!/bin/sh\n"}, // /bin is a link to usr/bin
		{Name: "./usr/bin/dot-slash", Mode: 0o755, Body: "#!/bin/sh\n"},
		{Name: "odd/a", Body: "linked", UID: 7, GID: 8, Mode: 0o640},
		{Name: "odd/a-link", Type: tar.TypeLink, Link: "odd/a", Mode: 0o777, UID: 1, ModTime: time.Unix(1, 0)},
		{Name: "odd/lower-link", Type: tar.TypeLink, Link: "etc/debian_version"},
		{Name: "odd/dash-link", Type: tar.TypeLink, Link: "/bin/dash"}, // through the link, and rooted
		link("odd/link", "a"), {Name: "odd/link-link", Type: tar.TypeLink, Link: "odd/link"},
		{Name: "odd/sparse-pax", Sparse: &Sparse{Size: 64 << 20, Data: []Chunk{{1 << 20, strings.Repeat("s", 4096)}, {48 << 20, "tail"}}}},
		{Name: "odd/sparse-gnu", Sparse: &Sparse{Size: 8 << 20, OldGNU: true, Data: []Chunk{{0, strings.Repeat("g", 8192)}}}},
		{Name: "odd/sparse-replaced", Sparse: &Sparse{Size: 8 << 20, OldGNU: true, Data: []Chunk{{4096, "r"}}}}, {Name: "odd/sparse-gone", Sparse: &Sparse{Size: 1 << 20}},
		{Name: "odd/sparse-empty", Sparse: &Sparse{Size: 16 << 20}},
		{Name: "odd/xattr", Xattrs: map[string]string{"user.odd": "value", "user.binary": "\x00\xff\n"}},
		{Name: "odd/xattr-dir/", Type: tar.TypeDir, Xattrs: map[string]string{"user.odd": "dir"}},
		{Name: "odd/capable", Mode: 0o755, Body: "#!/bin/sh\n", Xattrs: map[string]string{"security.capability": capability}},
		{Name: "odd/overlay-dir/", Type: tar.TypeDir, Xattrs: map[string]string{"user.overlay.opaque": "y", "trusted.overlay.opaque": "y"}},
		{Name: "odd/overlay", Xattrs: map[string]string{"user.overlay.redirect": "/etc/shadow", "trusted.odd": "x", "security.selinux": "system_u:object_r:etc_t:s0", "user.kept": "1"}},
		{Name: "odd/" + long, Body: "long"}, dir("odd/"+strings.Repeat("deep-directory-name/", 14), 0o750),
		{Name: "odd/" + strings.Repeat("deep-directory-name/", 14) + "leaf", Body: "leaf"},
		{Name: "odd/latin1-\xe9\xff\xfe", RawName: true, Body: "not UTF-8"},
		{Name: "odd/new\nline \\ \x1b[31m", RawName: true, Body: "control"},
		{Name: "odd/.whx", Body: "no whiteout"}, {Name: "odd/...", Body: "three dots"}, {Name: "odd/..two", Body: "two"},
		{Name: "odd/000", Mode: ModeZero, Body: "unreadable"}, {Name: "odd/000-dir/", Type: tar.TypeDir, Mode: ModeZero},
		{Name: "odd/000-dir/inside", Body: "in"}, dir("odd/555-dir/", 0o555), {Name: "odd/555-dir/inside", Body: "in", Mode: 0o400},
		dir("odd/555-dir/sub/", 0o500), {Name: "odd/555-dir/sub/inside", Body: "in"},
		{Name: "odd/setuid", Mode: 0o4755, Body: "su"}, {Name: "odd/setgid", Mode: 0o2755, GID: 42, Body: "sg"},
		{Name: "odd/setuid-1000", Mode: 0o6711, UID: 1000, GID: 1000, Body: "su"}, dir("odd/sticky/", 0o1777), dir("odd/setgid-dir/", 0o2775),
		{Name: "odd/setgid-dir/inside", GID: 5}, {Name: "odd/fifo", Type: tar.TypeFifo, Mode: 0o622, UID: 3},
		{Name: "odd/fifo-replaced", Type: tar.TypeFifo}, {Name: "odd/null-replaced", Type: tar.TypeChar, Major: 1, Minor: 3},
		{Name: "odd/null", Type: tar.TypeChar, Mode: 0o666, Major: 1, Minor: 3}, {Name: "odd/loop7", Type: tar.TypeBlock, Mode: 0o660, GID: 6, Major: 7, Minor: 7},
		{Name: "odd/nobody", UID: 65534, GID: 65534, Body: "n"}, {Name: "odd/nobody-link", Type: tar.TypeSymlink, Link: "nobody", UID: 65534, GID: 100, ModTime: time.Unix(99, 5000)},
		{Name: "odd/before-1970", ModTime: time.Unix(-450000000, 0)}, {Name: "odd/epoch", ModTime: time.Unix(0, 0)},
		{Name: "odd/nanoseconds", ModTime: time.Unix(1600000000, 999999999)}, {Name: "odd/2100", ModTime: time.Unix(4102444800, 0)},
		{Name: "odd/implicit/a/b/file", Body: "no entries for its parents"},
		{Name: "odd/late/content", Body: "x"}, {Name: "odd/late/", Type: tar.TypeDir, Mode: 0o551, UID: 9, ModTime: time.Unix(77, 0)},
		{Name: "odd/empty"},
	}
	return append(entries, duplicates()...)
}

// duplicates are paths that one layer has more than once: the last entry wins,
// and what is replaced loses its other names nothing.
func duplicates() []Entry {
	return []Entry{
		dir("dup/", 0o755),
		{Name: "dup/file", Body: "a first version that is longer", Mode: 0o600}, {Name: "dup/file", Body: "second"},
		{Name: "dup/linked", Body: "old"}, {Name: "dup/other-name", Type: tar.TypeLink, Link: "dup/linked"}, {Name: "dup/linked", Body: "new content"},
		dir("dup/dir/", 0o700), {Name: "dup/dir/inside", Body: "stays"}, dir("dup/dir/", 0o711),
		link("dup/link-then-dir", "/seed/dir"), dir("dup/link-then-dir/", 0o755), {Name: "dup/link-then-dir/mine", Body: "not in seed/dir"},
		dir("dup/dir-then-file/", 0o755), {Name: "dup/dir-then-file/gone"}, {Name: "dup/dir-then-file", Body: "file"},
		{Name: "dup/file-then-link", Body: "x"}, link("dup/file-then-link", "/seed/file"), link("dup/link-then-file", "/seed/file"), {Name: "dup/link-then-file", Body: "must not be in seed/file"},
	}
}

// changes replaces what seed and the layers below it made.
func changes() []Entry {
	return []Entry{
		{Name: "seed/abs/through", Body: "in seed/dir"}, {Name: "seed/climb/through-too", Body: "in seed/dir"},
		{Name: "etc/issue", Body: "replaced, shorter name kept\n", ModTime: time.Unix(1500000000, 1)},
		dir("etc/issue.net/", 0o755), {Name: "etc/issue.net/inside", Body: "was a file"}, // file -> directory
		{Name: "usr/share/doc/dash", Body: "was a directory"},     // directory -> file
		dir("seed/climb2/", 0o755), link("seed/file", "dir/kept"), // file -> link
		dir("seed/dangling/", 0o700),                                      // link -> directory
		{Name: "odd/a", Body: "changed; odd/a-link keeps the old"},        // breaks a hard link
		{Name: "odd/xattr-dir/", Type: tar.TypeDir, Mode: 0o705, UID: 12}, // attributes replaced, xattrs gone
		{Name: "odd/555-dir/added", Body: "into a directory without write permission"},
		{Name: "odd/000-dir/added", Body: "likewise"},
		{Name: "odd/again-link", Type: tar.TypeLink, Link: "odd/a-link"}, // three names over two layers
		{Name: "odd/fifo-replaced", Body: "was a fifo"}, {Name: "odd/sparse-replaced", Body: "was sparse"},
		{Name: "odd/null-replaced", Body: "was a device"}, {Name: "odd/zero", Type: tar.TypeChar, Mode: 0o666, Major: 1, Minor: 5},
		{Name: "odd/implicit/a/c", Body: "the parents keep their attributes"},
		{Name: "odd/late/more", Body: "the directory keeps its time"},
		{Name: "./", Type: tar.TypeDir, Mode: 0o711, ModTime: time.Unix(1111111111, 0)}, // the root itself
	}
}

// whiteouts hides what the layers below made, in every way there is.
func whiteouts() []Entry {
	wh := func(path string) Entry {
		at := strings.LastIndexByte(path, '/') + 1
		return Entry{Name: path[:at] + ".wh." + path[at:]}
	}
	return []Entry{
		wh("odd/empty"), wh("odd/setgid-dir"), wh("odd/link"), wh("odd/000-dir"), wh("odd/555-dir/sub"), // file, tree, link, trees without permissions
		wh("seed/abs/victim"),                        // through a link: seed/dir/victim
		wh("odd/missing"), wh("missing/parent/file"), // nothing there, and nothing made there
		wh("odd/again-link"), wh("odd/sparse-gone"), // one of several names; a sparse file
		wh("dup/file"), {Name: "dup/file", Body: "made anew"}, // hidden, then made again
		{Name: "dup/linked", Body: "made anew, then the whiteout"}, wh("dup/linked"),
		wh("dup/dir"), dir("dup/dir/", 0o750), {Name: "dup/dir/new", Body: "inside is gone"},
		dir("dup/link-then-dir/", 0o700), {Name: "dup/link-then-dir/new", Body: "stays"}, wh("dup/link-then-dir"),
		wh("seed/climb"), dir("seed/climb/", 0o755), {Name: "seed/climb/mine", Body: "in a directory of its own"}, // a link made a directory
		{Name: "usr/share/doc/apt/.wh..wh..opq"}, {Name: "usr/share/doc/apt/early", Body: "only this"}, // opaque, early
		{Name: "usr/share/doc/bash/late", Body: "only this, and sub"}, {Name: "usr/share/doc/bash/sub/deeper", Body: "x"},
		{Name: "usr/share/doc/bash/.wh..wh..opq"}, // opaque, late
		{Name: "odd/overlay-dir/.wh..wh..opq"},    // of an empty directory
		{Name: "etc/.wh..wh.plnk", Body: "ignored"}, {Name: "etc/.wh..wh.aufs", Body: "ignored"},
		{Name: "etc/issue.net/.wh.inside"}, {Name: "etc/issue.net/instead", Body: "x"},
	}
}

func dir(name string, mode int64) Entry { return Entry{Name: name, Type: tar.TypeDir, Mode: mode} }

func link(name, target string) Entry {
	return Entry{Name: name, Type: tar.TypeSymlink, Link: target}
}
