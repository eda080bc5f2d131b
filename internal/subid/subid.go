// Package subid reads the subordinate ids of a user, and maps ids with them.
//
// The launcher links it: it starts no program and asks no name service.
package subid

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Where shadow's useradd(8) keeps the ranges; see subuid(5).
const (
	UIDFile = "/etc/subuid"
	GIDFile = "/etc/subgid"
)

// maxFile bounds what is read of a file, in bytes: 100 000 users need 3 MiB.
const maxFile = 8 << 20

// ids is the number of ids: 4294967295 is (uid_t)-1, which is no id.
const ids = 1<<32 - 1

// Range is ids [First, First+Count) of the host.
type Range struct {
	First, Count uint32
	Origin       spec.Origin // the line; of ranges made one, the first line
}

func (r Range) end() uint64 { return uint64(r.First) + uint64(r.Count) }

// String returns "FIRST-LAST".
func (r Range) String() string { return text(uint64(r.First)) + "-" + text(r.end()-1) }

// User is whose ranges are wanted. A line of the files may begin with either.
type User struct {
	Name string // "" when /etc/passwd does not have it
	UID  uint32
}

// String returns what a message calls the user.
func (u User) String() string {
	if u.Name == "" {
		return "uid " + text(uint64(u.UID))
	}
	return u.Name
}

// Read returns a user's ranges in one of the two files: sorted, and with those
// that are doubled, overlap or touch made one, because newuidmap(1) refuses a
// map whose extents overlap. A user without any is an error.
func Read(file string, u User) ([]Range, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	ranges, err := Parse(file, data, u)
	if err != nil {
		return nil, err
	}
	if len(ranges) == 0 {
		return nil, &spec.Error{Op: "read", Object: file, Reason: u.String() + " has no range of subordinate ids here", Hint: hint(file, data, u)}
	}
	return ranges, nil
}

func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, &spec.Error{Op: "read", Object: file, Err: err, Hint: missingHint(err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, &spec.Error{Op: "read", Object: file, Err: err}
	}
	if len(data) > maxFile {
		return nil, &spec.Error{Op: "read", Object: file, Reason: "larger than " + text(maxFile) + " bytes"}
	}
	return data, nil
}

func missingHint(err error) string {
	if errors.Is(err, os.ErrNotExist) {
		return "it comes with the program useradd (Debian: package passwd) and names the ids that a user may map"
	}
	return ""
}

// Parse is Read without the file system. Lines of others are not looked at,
// however malformed: they are nothing that this user could mend.
func Parse(file string, data []byte, u User) ([]Range, error) {
	var ranges []Range
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		owner, rest, found := strings.Cut(strings.TrimRight(line, " \t\r\n"), ":")
		if !found || owner == "" || (owner != u.Name && owner != text(uint64(u.UID))) {
			continue
		}
		r, err := parseRange(rest)
		if err != nil {
			return nil, &spec.Error{Op: "read", Object: file, Err: err, Origin: spec.Origin{File: file, Line: number}}
		}
		if r.Count > 0 {
			r.Origin = spec.Origin{File: file, Line: number}
			ranges = append(ranges, r)
		}
	}
	return merge(ranges), nil
}

func parseRange(s string) (Range, error) {
	a, b, found := strings.Cut(s, ":")
	first, err1 := strconv.ParseUint(a, 10, 32)
	count, err2 := strconv.ParseUint(b, 10, 32)
	switch {
	case !found || err1 != nil || err2 != nil:
		return Range{}, errors.New("want USER:FIRST:COUNT, have " + strconv.Quote(clip(s)) + " after the user")
	case first+count > ids:
		return Range{}, errors.New(text(count) + " ids from " + text(first) + " end after the last id, " + text(ids-1))
	}
	return Range{First: uint32(first), Count: uint32(count)}, nil
}

// clip shortens what an error quotes.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// merge sorts ranges and makes those one that overlap or touch.
func merge(ranges []Range) []Range {
	slices.SortStableFunc(ranges, func(a, b Range) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	})
	var out []Range
	for _, r := range ranges {
		if n := len(out); n > 0 && uint64(r.First) <= out[n-1].end() {
			last := &out[n-1]
			last.Count = uint32(max(last.end(), r.end()) - uint64(last.First))
			continue
		}
		out = append(out, r)
	}
	return out
}

// hint names the command that gives the user a range nobody else has.
func hint(file string, data []byte, u User) string {
	if u.Name == "" {
		return ""
	}
	const size = 65536
	first := uint64(100000)
	for line := range strings.Lines(string(data)) {
		_, rest, _ := strings.Cut(strings.TrimRight(line, " \t\r\n"), ":")
		if r, err := parseRange(rest); err == nil {
			first = max(first, r.end())
		}
	}
	if first+size > ids {
		return ""
	}
	option := "--add-subuids"
	if strings.HasSuffix(file, "subgid") {
		option = "--add-subgids"
	}
	return "as root: usermod " + option + " " + text(first) + "-" + text(first+size-1) + " " + u.Name
}

func text(n uint64) string { return strconv.FormatUint(n, 10) }
