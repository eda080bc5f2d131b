package registry

import "strings"

// challenge is what a server wants to see (RFC 9110, section 11).
type challenge struct {
	scheme string // in lower case
	params map[string]string
}

const maxParams = 32

// challenges reads WWW-Authenticate headers. What is malformed ends the header
// it stands in.
func challenges(headers []string) []challenge {
	var list []challenge
	for _, h := range headers {
		p := &params{s: h}
		for len(list) < maxParams {
			scheme := p.token()
			if scheme == "" {
				break
			}
			c := challenge{scheme: strings.ToLower(scheme), params: map[string]string{}}
			p.into(c.params)
			list = append(list, c)
		}
	}
	return list
}

type params struct {
	s   string
	pos int
}

func (p *params) skip(cut string) {
	for p.pos < len(p.s) && strings.IndexByte(cut, p.s[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *params) token() string {
	p.skip(" \t,")
	start := p.pos
	for p.pos < len(p.s) && strings.IndexByte(" \t,=\"", p.s[p.pos]) < 0 {
		p.pos++
	}
	return p.s[start:p.pos]
}

// into reads name=value pairs until something that is none: the next scheme.
func (p *params) into(m map[string]string) {
	for len(m) < maxParams {
		back := p.pos
		name := p.token()
		p.skip(" \t")
		if name == "" || p.pos >= len(p.s) || p.s[p.pos] != '=' {
			p.pos = back
			return
		}
		p.pos++
		p.skip(" \t")
		m[strings.ToLower(name)] = p.value()
	}
}

func (p *params) value() string {
	if p.pos >= len(p.s) || p.s[p.pos] != '"' {
		start := p.pos
		for p.pos < len(p.s) && strings.IndexByte(" \t,", p.s[p.pos]) < 0 {
			p.pos++
		}
		return p.s[start:p.pos]
	}
	var b strings.Builder
	for p.pos++; p.pos < len(p.s) && p.s[p.pos] != '"'; p.pos++ {
		if p.s[p.pos] == '\\' && p.pos+1 < len(p.s) {
			p.pos++
		}
		b.WriteByte(p.s[p.pos])
	}
	p.pos++
	p.pos = min(p.pos, len(p.s))
	return b.String()
}
