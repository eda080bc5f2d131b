package main

import (
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// storeIDs says which of an image's trees a Spec needs: with ranges of ids,
// files have the owners that the image gives them.
func storeIDs(s *spec.Spec) (store.IDs, error) {
	if s.Rootfs.IDs != spec.IDsSubuid {
		return store.Single, nil
	}
	uid := uint32(sys.Getuid())
	m, err := subid.ReadMapping(subid.Caller(uid), uint32(sys.Getgid()))
	return store.IDs(m.ID()), err
}
