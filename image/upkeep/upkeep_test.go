package upkeep

import (
	"context"
	"os"
	"testing"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
)

// TestRemovedMeanwhile: of two who remove an image, neither fails.
func TestRemovedMeanwhile(t *testing.T) {
	s, err := store.Create(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ref.Parse("x")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutRecord(r, "", &record.Record{Reference: r.String()}); err != nil {
		t.Fatal(err)
	}
	all, err := s.Records()
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	for range 2 {
		if err := (&Keeper{Store: s}).Remove(context.Background(), all[0]); err != nil {
			t.Error(err)
		}
	}
	if all, err := s.Records(); err != nil || len(all) != 0 {
		t.Errorf("left: %+v, %v", all, err)
	}
}

// TestPruneNothing: an empty directory may become a store at any time.
func TestPruneNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := (&Keeper{Store: s}).Prune(context.Background(), PruneOptions{All: true}); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}
