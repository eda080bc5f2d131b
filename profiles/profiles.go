// Package profiles holds the profiles that lichen ships.
package profiles

import "embed"

// FS has one NAME.toml for each shipped profile.
//
//go:embed *.toml
var FS embed.FS
