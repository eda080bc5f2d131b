package main

import (
	"strconv"
	"unicode/utf8"
)

// jsonObject writes one JSON object. The launch path does without
// encoding/json: its reflection costs more than the line is worth.
type jsonObject struct{ buf []byte }

func newEvent(name string) *jsonObject {
	o := newObject()
	o.text("event", name)
	return o
}

func newObject() *jsonObject { return &jsonObject{buf: append(make([]byte, 0, 512), '{')} }

func (o *jsonObject) key(name string) {
	if last := o.buf[len(o.buf)-1]; last != '{' {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(appendJSON(o.buf, name), ':')
}

func (o *jsonObject) number(name string, v int64) {
	o.key(name)
	o.buf = strconv.AppendInt(o.buf, v, 10)
}

func (o *jsonObject) boolean(name string, v bool) {
	o.key(name)
	o.buf = strconv.AppendBool(o.buf, v)
}

// text leaves an empty string out.
func (o *jsonObject) text(name, v string) {
	if v == "" {
		return
	}
	o.key(name)
	o.buf = appendJSON(o.buf, v)
}

func (o *jsonObject) object(name string, fill func(*jsonObject)) {
	o.key(name)
	o.buf = append(o.buf, '{')
	fill(o)
	o.buf = append(o.buf, '}')
}

func (o *jsonObject) end() []byte { return append(o.buf, '}') }

// appendJSON appends s as a JSON string (RFC 8259, section 7). Names of files
// may be any bytes: what is no UTF-8 becomes U+FFFD. U+2028 and U+2029, which
// break a line for some readers, are escaped.
func appendJSON(buf []byte, s string) []byte {
	const hex = "0123456789abcdef"
	buf = append(buf, '"')
	for _, r := range s { // yields U+FFFD for each byte that is no UTF-8
		switch {
		case r == '"' || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029:
			buf = append(buf, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			buf = utf8.AppendRune(buf, r)
		}
	}
	return append(buf, '"')
}
