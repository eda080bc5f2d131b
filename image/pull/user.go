package pull

import (
	"math"
	"strconv"
	"strings"
)

// account is what an image's User is in its tree.
type account struct {
	uid, gid uint32
	home     string // "" when no line of /etc/passwd has it
}

// resolveUser looks up an image's User: "", NAME, UID, NAME:GROUP and so on
// (OCI image configuration, "User"). passwd and group are the contents of the
// files of those names in the tree. As in other engines, "" is root, a name
// must be there, a number need not, and without a group and without a line in
// passwd the group is 0. reason says why a user cannot be resolved.
func resolveUser(user string, passwd, group string) (a account, reason string) {
	name, groupName, withGroup := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	fields, found := findLine(passwd, name, 7)
	switch {
	case found:
		uid, okUID := id(fields[2])
		gid, okGID := id(fields[3])
		if !okUID || !okGID {
			return account{}, "the line of " + strconv.Quote(name) + " in the image's /etc/passwd has a bad number"
		}
		a = account{uid: uid, gid: gid}
		if strings.HasPrefix(fields[5], "/") {
			a.home = fields[5]
		}
	default:
		uid, ok := id(name)
		if !ok {
			return account{}, "the image's /etc/passwd has no user " + strconv.Quote(name)
		}
		a.uid = uid
	}
	if !withGroup || groupName == "" {
		return a, ""
	}
	if fields, found := findLine(group, groupName, 3); found {
		gid, ok := id(fields[2])
		if !ok {
			return account{}, "the line of " + strconv.Quote(groupName) + " in the image's /etc/group has a bad number"
		}
		a.gid = gid
		return a, ""
	}
	gid, ok := id(groupName)
	if !ok {
		return account{}, "the image's /etc/group has no group " + strconv.Quote(groupName)
	}
	a.gid = gid
	return a, ""
}

// findLine returns the fields of the first line whose name is key, or whose
// number is: passwd(5) and group(5) both have the name first and the number
// third. Lines with fewer fields than least are no entries.
func findLine(file, key string, least int) (fields []string, found bool) {
	number, isNumber := id(key)
	for line := range strings.Lines(file) {
		fields := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(fields) < least || fields[0] == "" || fields[0][0] == '#' {
			continue
		}
		n, ok := id(fields[2])
		if fields[0] == key || isNumber && ok && n == number {
			return fields, true
		}
	}
	return nil, false
}

// id reads a user or group number. The highest is no id: it means "leave as it
// is" to chown(2).
func id(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != math.MaxUint32
}
