package pull

import (
	"context"

	"github.com/lichen-sandbox/lichen/image/unpacker"
)

// Unpack applies the layers of an image, all of them, in the empty directory
// dir: it gets rootfs/ and owners, as a tree in the store. Blobs that the store
// lacks are fetched into it; neither a tree nor a record is written there.
func Unpack(ctx context.Context, o Options, dir string) (*Image, []string, error) {
	p := &puller{Options: o}
	defer p.close()
	if err := p.begin(); err != nil {
		return nil, nil, err
	}
	var img *Image
	err := p.pull(ctx, func(ctx context.Context, found *Image) error {
		img = found
		return p.unpack(ctx, img, unpacker.Job{Staging: dir, IDs: p.IDs, Limits: p.Limits, NoSetID: p.NoSetID})
	})
	if err != nil {
		return nil, nil, p.ended(ctx, err)
	}
	return img, p.result.Warnings, nil
}
