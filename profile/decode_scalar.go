package profile

import (
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// scalar fills in the value of an entry whose key takes one.
func scalar(e *entry, v any) (err error) {
	def := &keys[e.key]
	switch def.kind {
	case kindVersion:
		return nil
	case kindBool:
		e.num, err = boolValue(v)
		return err
	case kindID:
		// The id 2^32-1 is -1 to the kernel: "no change" or "no id".
		e.num, err = intValue(v, math.MaxUint32-1)
		e.text = strconv.FormatUint(e.num, 10)
		return err
	case kindUnbuilt:
		return bad(def.note, "leave the key out")
	case kindLimit:
		return limitValue(e, v)
	case kindCgroup:
		return cgroupValue(e, v)
	case kindCommand:
		return commandValue(e, v)
	}
	if e.text, err = stringValue(v); err != nil {
		return err
	}
	return e.parseText()
}

// parseText parses the text of a scalar that is written as a string.
func (e *entry) parseText() error {
	def := &keys[e.key]
	switch def.kind {
	case kindTemplate:
		if e.key == keyCwd || e.key == keyRootfsWrite && e.text != writeNone && e.text != writeTmpfs {
			return checkPathTemplate(e.text)
		}
		return checkTemplate(e.text)
	case kindOctal:
		n, err := parseMode(e.text, 0o777)
		e.num = uint64(n)
		return err
	case kindDuration:
		n, err := parseDuration(e.text)
		e.num = uint64(n)
		return err
	case kindWord:
		for i, w := range def.words {
			if e.text == w {
				e.num = uint64(i)
				return nil
			}
		}
		return badValue(e.text, "is not a value of this key", "write "+strings.Join(def.words, " or "))
	case kindAction:
		a, err := parseAction(e.text)
		e.action = a
		return err
	case kindSize:
		n, err := parseSize(e.text)
		e.num = n
		return err
	case kindCgroup:
		return e.parseCgroup()
	case kindLimit:
		soft, hard, err := parseLimit(e.text, def.unit)
		e.num, e.hard = soft, hard
		return err
	}
	return nil
}

func boolValue(v any) (uint64, error) {
	b, ok := v.(bool)
	switch {
	case !ok:
		return 0, wrongType("true or false", v)
	case b:
		return 1, nil
	}
	return 0, nil
}

func intValue(v any, limit uint64) (uint64, error) {
	n, ok := v.(int64)
	if !ok {
		return 0, wrongType("an integer", v)
	}
	if n < 0 || uint64(n) > limit {
		return 0, bad(strconv.FormatInt(n, 10)+" is not a number from 0 to "+strconv.FormatUint(limit, 10), "")
	}
	return uint64(n), nil
}

// stringValue refuses NUL everywhere: the kernel ends a string there, so what
// was checked would not be what is used.
func stringValue(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", wrongType("a string", v)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "", badValue(s, "has a NUL byte in it", "")
	}
	return s, nil
}

func limitValue(e *entry, v any) (err error) {
	if _, ok := v.(string); !ok {
		if _, ok := v.(int64); !ok {
			return wrongType("an integer or a string", v)
		}
		e.num, err = intValue(v, math.MaxInt64)
		e.hard, e.text = e.num, strconv.FormatUint(e.num, 10)
		return err
	}
	if e.text, err = stringValue(v); err != nil {
		return err
	}
	return e.parseText()
}

func commandValue(e *entry, v any) error {
	list, ok := v.([]any)
	if !ok {
		return wrongType("an array of strings", v)
	}
	for _, v := range list {
		s, err := stringValue(v)
		if err != nil {
			return err
		}
		if err := checkTemplate(s); err != nil {
			return err
		}
		e.list = append(e.list, s)
	}
	if len(e.list) == 0 || e.list[0] == "" {
		return bad("the command is empty", "leave the key out to take the command from the command line")
	}
	return nil
}

// checkPattern checks a name or pattern of environment variables.
func checkPattern(s string) error {
	if err := checkEnvName(s); err != nil {
		return err
	}
	if _, err := path.Match(s, ""); err != nil {
		return badValue(s, "is not a shell pattern", "")
	}
	return nil
}

func checkEnvName(s string) error {
	switch {
	case s == "":
		return bad("the name is empty", "")
	case strings.ContainsAny(s, "=\x00"):
		return badValue(s, "is not a name of an environment variable", "values stand in env.set")
	}
	return nil
}

// wrongType says what is wanted and what is there.
func wrongType(want string, v any) error {
	hint := ""
	if _, ok := v.(string); ok && want != "a table" {
		hint = "write it without quotes"
	} else if want == "a string" {
		hint = "write it in quotes"
	}
	if strings.HasPrefix(want, "an array") {
		hint = "write it in brackets"
	}
	return bad("want "+want+", not "+typeName(v), hint)
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date"
	case []any, []map[string]any:
		return "an array"
	}
	return "a table"
}
