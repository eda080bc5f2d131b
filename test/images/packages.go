package images

import "path/filepath"

// Packages is the directory of the Debian packages that the images are made of,
// with an index: a repository for apt.
func Packages() (string, error) {
	dir, err := prepared()
	return filepath.Join(dir, "debs"), err
}
