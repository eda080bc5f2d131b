package unit

import (
	"slices"
	"strings"
)

// guardedFamilies are what lichen's guard on socket(2) lets through; all others
// are refused whatever a unit says.
var guardedFamilies = []string{"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}

// network is [network]. A unit that can open no socket but local ones needs no
// network of the host; sockets that systemd passes work without it.
func (i *importer) network() {
	families, limited := i.familyList()
	switch {
	case i.on("PrivateNetwork"):
		i.doc.text("network.mode", "none")
	case limited && (len(families) == 0 || slices.Equal(families, []string{"AF_UNIX"})):
		i.doc.text("network.mode", "none")
	default:
		i.doc.text("network.mode", "host")
	}
}

// families is RestrictAddressFamilies= as a rule, on socket(2) alone as in
// systemd.
func (i *importer) families() {
	list, limited := i.familyList()
	switch {
	case !limited:
	case len(list) == 0:
		i.allowedRule("socket", "return errno:EAFNOSUPPORT")
	case len(list) < len(guardedFamilies):
		i.allowedRule("socket", "arg0 in {"+strings.Join(list, ", ")+"}; return errno:EAFNOSUPPORT")
	}
}

// familyList returns those of guardedFamilies that are left.
func (i *importer) familyList() (left []string, limited bool) {
	settings := i.list("RestrictAddressFamilies")
	if len(settings) == 0 {
		return nil, false
	}
	allows := !strings.HasPrefix(settings[0].value, "~")
	set := map[string]bool{}
	for _, s := range settings {
		value, inverted := strings.CutPrefix(s.value, "~")
		if value == "none" {
			allows, set = true, map[string]bool{}
			continue
		}
		words, err := splitWords(value)
		if err != nil {
			i.miss(s, err.Error())
		}
		for _, name := range words {
			if name == "AF_LOCAL" || name == "AF_FILE" {
				name = "AF_UNIX"
			}
			if name == "AF_ROUTE" {
				name = "AF_NETLINK"
			}
			set[name] = inverted != allows
		}
	}
	for _, name := range guardedFamilies {
		if set[name] == allows {
			left = append(left, name)
		}
	}
	return left, true
}
