package unit

import (
	"errors"
	"strings"
)

// Options say what is known of a unit besides its text.
type Options struct {
	// Name is the unit's full name: "redis@6379.service".
	Name string
	// User tells that it is a unit of the user's manager, where specifiers of
	// directories mean the user's own.
	User bool
	// Socket tells that a socket unit goes with it.
	Socket bool
	// Resolve follows the symbolic links of a path of the host, as systemd does
	// before it covers one. nil: there are none.
	Resolve func(path string) (string, error)
}

func (o *Options) prefix() string {
	name, _, _ := strings.Cut(strings.TrimSuffix(o.Name, ".service"), "@")
	return name
}

func (o *Options) instance() string {
	_, instance, _ := strings.Cut(strings.TrimSuffix(o.Name, ".service"), "@")
	return instance
}

var errSpecifier = errors.New("a specifier in it is known only when the unit starts")

// expand replaces the specifiers of systemd.unit(5), and returns a text in
// which a profile sees variables: what else has a dollar sign is escaped.
func (o *Options) expand(s string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "%")
		b.WriteString(literal(before))
		if !found {
			return b.String(), nil
		}
		if after == "" {
			b.WriteByte('%')
			return b.String(), nil
		}
		text, ok := o.specifier(after[0])
		if !ok {
			return "", errSpecifier
		}
		b.WriteString(text)
		s = after[1:]
	}
}

// specifier returns what one stands for, as text of a profile. Those that name
// the host, the kernel or the boot are left: a profile is read elsewhere, later.
func (o *Options) specifier(c byte) (string, bool) {
	switch c {
	case '%':
		return "%", true
	case 'n':
		return literal(o.Name), true
	case 'N':
		return literal(strings.TrimSuffix(o.Name, ".service")), true
	case 'p':
		return literal(o.prefix()), true
	case 'P':
		return literal(unescapeName(o.prefix())), true
	case 'i':
		return literal(o.instance()), true
	case 'I':
		return literal(unescapeName(o.instance())), true
	case 'T':
		return "/tmp", true
	case 'V':
		return "/var/tmp", true
	case 'u':
		return "${USER}", o.User
	case 'U':
		return "${UID}", o.User
	case 'G':
		return "${GID}", o.User
	case 'h':
		return "${HOME}", o.User
	}
	system, user := "", ""
	switch c {
	case 't':
		system, user = "/run", "${XDG_RUNTIME_DIR}"
	case 'C':
		system, user = "/var/cache", "${XDG_CACHE_HOME}"
	case 'E':
		system, user = "/etc", "${XDG_CONFIG_HOME}"
	case 'S':
		system, user = "/var/lib", "${XDG_STATE_HOME}"
	case 'L':
		system, user = "/var/log", "${XDG_STATE_HOME}/log"
	default:
		return "", false
	}
	if o.User {
		return user, true
	}
	return system, true
}

// unescapeName undoes systemd-escape(1): a dash is a slash, \xNN a byte.
func unescapeName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '-':
			b.WriteByte('/')
		case s[i] == '\\':
			text, n, err := unescape(s[i+1:])
			if err != nil {
				return s
			}
			b.WriteString(text)
			i += n
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
