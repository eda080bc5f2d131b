package unit

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// socket writes the socket unit.
func (s *Service) socket() (string, error) {
	var b strings.Builder
	b.WriteString("# Made by lichen unit generate.\n\n[Unit]\nDescription=Sockets of " + escapeValue(s.Description) + "\n\n[Socket]\n")
	file := false
	for _, text := range s.Sockets {
		name, address, err := socketAddress(text)
		if err != nil {
			return "", err
		}
		file = file || strings.HasPrefix(address, "/")
		b.WriteString(name + "=" + escapeValue(address) + "\n")
	}
	if file {
		b.WriteString("SocketMode=0600\n")
	}
	b.WriteString("\n[Install]\nWantedBy=sockets.target\n")
	return b.String(), nil
}

// socketAddress reads [KIND:]ADDRESS: a port, HOST:PORT, a path, or @NAME in
// the abstract namespace; KIND is stream, datagram, seqpacket or fifo.
func socketAddress(text string) (name, address string, err error) {
	kind, rest, found := strings.Cut(text, ":")
	switch {
	case found && kind == "stream":
		name, address = "ListenStream", rest
	case found && kind == "datagram":
		name, address = "ListenDatagram", rest
	case found && kind == "seqpacket":
		name, address = "ListenSequentialPacket", rest
	case found && kind == "fifo":
		name, address = "ListenFIFO", rest
	default:
		name, address = "ListenStream", text
	}
	local := strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@") && len(address) > 1
	fits := local
	switch name {
	case "ListenFIFO":
		fits = strings.HasPrefix(address, "/")
	case "ListenStream", "ListenDatagram":
		fits = local || isPort(address)
	}
	if !fits || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", "", &spec.Error{Op: "generate unit", Object: "socket " + strconv.Quote(text), Reason: "it is no address",
			Hint: "PORT, ADDRESS:PORT with the number of the address, /PATH or @NAME, with stream:, datagram:, seqpacket: or fifo: before it"}
	}
	return name, address, nil
}

// isPort takes what systemd does: it looks no names up, and reads vsock:2:80 as a
// socket of the machine's host (socket_address_parse of src/shared/socket-netlink.c).
func isPort(s string) bool {
	port := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, brackets := s[:i], strings.HasPrefix(s, "[") && strings.HasSuffix(s[:i], "]")
		if brackets {
			host = host[1 : len(host)-1]
		}
		if ip, err := netip.ParseAddr(host); err != nil || ip.Is6() != brackets || ip.Zone() != "" {
			return false
		}
		port = s[i+1:]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && !strings.HasPrefix(port, "+")
}
