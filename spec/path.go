package spec

import "strings"

// Beneath reports whether path is dir or lies below it, by name. Both are
// absolute and clean.
func Beneath(path, dir string) bool {
	return dir == "/" || strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}
