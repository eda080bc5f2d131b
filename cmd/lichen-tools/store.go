package main

import (
	"errors"
	"os"
	"slices"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source"
	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/image/upkeep"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// openStore opens the user's store, which may be missing for a verb that only
// looks: s is nil then.
func openStore() (s *store.Store, err error) {
	dir, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return nil, err
	}
	s, err = store.Open(dir)
	if errors.Is(err, store.ErrNoStore) {
		return nil, nil
	}
	return s, err
}

// createStore opens the user's store, and makes it where there is none.
func createStore() (*store.Store, error) {
	dir, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return nil, err
	}
	return store.Create(dir)
}

// readRef reads a reference as the user writes it.
func readRef(text string) (ref.Ref, error) {
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "" // relative paths are refused then
	}
	return ref.ParseIn(text, cwd)
}

// readSources reads how registries are reached.
func readSources(s *store.Store) (*source.Config, error) {
	c, err := config.Load(os.Getenv)
	if err != nil {
		return nil, err
	}
	c.UserAgent = "lichen/" + versionText()
	return c, nil
}

// readIDs returns the mapping of a mode of ids.
func readIDs(mode string) (subid.Mapping, error) {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	switch mode {
	case "", "single":
		return subid.SingleMapping(uid, gid), nil
	case "subuid":
		return subid.ReadMapping(subid.Caller(uid), gid)
	}
	return subid.Mapping{}, &spec.Error{Op: "read", Object: "the command line", Reason: "there is no mode of ids " + quote(mode) + ": single or subuid"}
}

// newKeeper returns what looks after a store.
func newKeeper(s *store.Store) *upkeep.Keeper {
	k := &upkeep.Keeper{Store: s}
	k.Single, _ = readIDs("single") // never fails
	if ranges, err := readIDs("subuid"); err == nil {
		k.Ranges = &ranges
	}
	return k
}

// stored finds images in the store: of one platform, or of all with "". What
// the store does not have is an error.
func stored(s *store.Store, text, platform string) ([]store.Named, error) {
	r, err := readRef(text)
	if err != nil {
		return nil, err
	}
	want, err := oci.ParsePlatform(platform)
	if err != nil {
		return nil, err
	}
	none := &spec.Error{Op: "image", Object: r.String(), Reason: "it is not in the image store", Hint: "lichen image ls shows what is there"}
	if s == nil {
		return nil, none
	}
	all, err := s.Records()
	if err != nil {
		return nil, err
	}
	var broken error
	found := slices.DeleteFunc(all, func(n store.Named) bool {
		if n.Record == nil {
			broken = n.Err
			return true
		}
		return n.Record.Reference != r.String() || platform != "" && n.Record.Platform != want.String()
	})
	if len(found) == 0 && broken != nil {
		return nil, broken
	}
	if len(found) == 0 {
		return nil, none
	}
	return found, nil
}
