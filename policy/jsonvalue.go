package policy

import (
	"strconv"
	"strings"
)

func (v *jsonValue) want(what string) error {
	found := jsonKindNames[v.kind]
	if v.kind == jsonString || v.kind == jsonNumber {
		found = quote(v.text)
	}
	return &Error{Position: v.at, Reason: "found " + found + " where " + what + " should be"}
}

// members returns the members of an object.
func (v *jsonValue) members() ([]jsonMember, error) {
	if v.kind != jsonObject {
		return nil, v.want("an object")
	}
	return v.fields, nil
}

// object returns the members of an object, of which all names must be known. A
// null is as good as none.
func (v *jsonValue) object(known ...string) (map[string]*jsonValue, error) {
	members, err := v.members()
	if err != nil {
		return nil, err
	}
	out := map[string]*jsonValue{}
	for _, m := range members {
		i := 0
		for i < len(known) && known[i] != m.name {
			i++
		}
		if i == len(known) {
			return nil, &Error{Position: m.at, Reason: "found " + quote(m.name) + " where one of " + strings.Join(known, ", ") + " should be"}
		}
		if m.value.kind != jsonNull {
			out[m.name] = m.value
		}
	}
	return out, nil
}

func (v *jsonValue) str() (string, error) {
	if v.kind != jsonString {
		return "", v.want("a string")
	}
	return v.text, nil
}

// strings returns the items of an array of strings.
func (v *jsonValue) strings() ([]string, error) {
	list, err := v.list()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, item := range list {
		if out[i], err = item.str(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// list returns the items of an array; none of what is absent.
func (v *jsonValue) list() ([]*jsonValue, error) {
	if v == nil {
		return nil, nil
	}
	if v.kind != jsonArray {
		return nil, v.want("an array")
	}
	return v.items, nil
}

// uint returns a whole number of at most so many bits.
func (v *jsonValue) uint(bits int) (uint64, error) {
	if v.kind == jsonNumber {
		if n, err := strconv.ParseUint(v.text, 10, bits); err == nil {
			return n, nil
		}
	}
	return 0, v.want("a whole number of at most " + strconv.Itoa(bits) + " bits")
}
