package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/store"
)

type listOptions struct {
	jsonOption
	helpOption
}

// listed is one line of the list.
type listed struct {
	Reference string    `json:"reference"`
	Digest    string    `json:"digest"`
	Platform  string    `json:"platform"`
	Size      int64     `json:"size"` // of the blobs, in bytes; 0: not known
	Pulled    time.Time `json:"pulled"`
	Unpacked  bool      `json:"unpacked"`
}

// listImages is "lichen image ls".
func listImages(ctx context.Context, u *ui, o *listOptions, _ []string) int {
	s, err := openStore()
	if err != nil {
		return u.fail(err)
	}
	var records []store.Named
	if s != nil {
		if records, err = s.Records(); err != nil {
			return u.fail(err)
		}
	}
	code, all := exitOK, []listed{}
	for _, named := range records {
		if named.Record == nil {
			code = u.fail(named.Err)
			continue
		}
		all = append(all, listOne(s, named))
	}
	if o.JSON {
		return max(code, u.printJSON(all))
	}
	rows := [][]string{{"NAME", "DIGEST", "PLATFORM", "SIZE", "PULLED"}}
	for _, l := range all {
		bytes := "?"
		if l.Size > 0 {
			bytes = size(l.Size)
		}
		rows = append(rows, []string{l.Reference, short(l.Digest), l.Platform, bytes, l.Pulled.Local().Format("2006-01-02 15:04")})
	}
	return max(code, u.print(table(rows)))
}

func listOne(s *store.Store, named store.Named) listed {
	rec := named.Record
	l := listed{Reference: rec.Reference, Digest: rec.Manifest, Platform: rec.Platform}
	if img, err := pull.Load(s, rec); err == nil {
		l.Size = img.Manifest.Size + img.Config.Size
		for i := range img.Layers {
			l.Size += img.Layers[i].Size
		}
	}
	if info, err := os.Stat(filepath.Join(s.Dir(), "records", named.File)); err == nil {
		l.Pulled = info.ModTime().UTC()
	}
	keys, _ := s.Trees() // that there are none is not for the list to judge
	for _, k := range keys {
		l.Unpacked = l.Unpacked || k.ChainID() == rec.ChainID
	}
	return l
}
