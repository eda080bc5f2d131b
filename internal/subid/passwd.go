package subid

import "strings"

// NameOf returns the name that an /etc/passwd file, given as its bytes, has
// for a uid; "" when there is none. Users of a directory service are not in
// it: their lines in /etc/subuid may begin with the uid instead.
func NameOf(passwd []byte, uid uint32) string {
	want := text(uint64(uid))
	for line := range strings.Lines(string(passwd)) {
		name, rest, _ := strings.Cut(line, ":")
		_, rest, _ = strings.Cut(rest, ":")
		id, _, found := strings.Cut(rest, ":")
		if found && name != "" && id == want {
			return name
		}
	}
	return ""
}

// Caller reads the name of a uid in /etc/passwd. A file that cannot be read
// gives no name.
func Caller(uid uint32) User {
	data, err := readFile("/etc/passwd")
	if err != nil {
		data = nil
	}
	return User{Name: NameOf(data, uid), UID: uid}
}
