package pull

import (
	"errors"
	"io/fs"
	"reflect"

	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/pathsafe"
	"github.com/lichen-sandbox/lichen/spec"
)

// maxAccounts bounds what is read of a tree's /etc/passwd and /etc/group, in
// bytes.
const maxAccounts = 1 << 20

// writeRecord writes what a launch reads. It comes last: with it, the image is
// there.
func (p *puller) writeRecord(img *Image, k store.TreeKey) error {
	platform := p.Platform
	if platform == "" {
		platform = store.HostPlatform()
	}
	rec := img.newRecord(p.Ref.String(), platform, p.stamp)
	old, err := p.Store.Record(p.Ref, p.Platform)
	if err == nil && (p.Policy == Never || p.Manifest != "") {
		rec.Stamp = old.Stamp // what the reference names now was not looked at
	}
	lease, err := p.Store.Lease(k)
	if err != nil {
		return err
	}
	defer lease.Close()
	if a, reason := userIn(lease.Rootfs, rec.User); reason != "" {
		rec.UserError = reason
	} else {
		rec.UID, rec.GID, rec.Home = &a.uid, &a.gid, a.home
	}
	p.result.Record = rec
	if reflect.DeepEqual(old, rec) {
		return nil
	}
	p.result.Changed = true
	return p.Store.PutRecord(p.Ref, p.Platform, rec)
}

// userIn resolves a user in the tree at rootfs.
func userIn(rootfs, user string) (account, string) {
	root, err := pathsafe.Open(rootfs)
	if err != nil {
		return account{}, err.Error()
	}
	defer root.Close()
	passwd, reason := readAccounts(root, "/etc/passwd")
	if reason != "" {
		return account{}, reason
	}
	group, reason := readAccounts(root, "/etc/group")
	if reason != "" {
		return account{}, reason
	}
	return resolveUser(user, passwd, group)
}

// readAccounts reads one of the two files; one that is missing has no lines.
func readAccounts(root *pathsafe.Root, path string) (text, reason string) {
	b, err := root.ReadFile(path, maxAccounts)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", ""
	case err != nil:
		return "", "the image's " + path + ": " + lastReason(err)
	}
	return string(b), ""
}

// lastReason is an error without the path, which the caller names better.
func lastReason(err error) string {
	if e, ok := errors.AsType[*spec.Error](err); ok {
		return (&spec.Error{Reason: e.Reason, Err: e.Err}).Error()
	}
	return err.Error()
}
