package services

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
)

// The directory of the test lies below /tmp, where others may write, which
// StrictModes does not like.
const sshdConf = `Port PORT
ListenAddress 127.0.0.1
HostKey CONFIG/host_key
AuthorizedKeysFile CONFIG/authorized_keys
PidFile none
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
`

// TestSSHD: without root sshd lets its own user in, by key, and into the sandbox
// alone.
func TestSSHD(t *testing.T) {
	needs(t, "openssh-server", "/usr/sbin/sshd")
	needs(t, "openssh-client", "/usr/bin/ssh")
	h := newHost(t, "sshd")
	config := h.mkdir(h.home+"/.config/sshd", 0o700)
	data := h.mkdir(h.home+"/.local/share/sshd", 0o700)
	keys := h.mkdir(h.dir+"/keys", 0o700)
	key, other := keys+"/client", keys+"/other"
	for _, path := range []string{config + "/host_key", key, other} {
		h.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
	}
	h.file(config+"/authorized_keys", h.read(key+".pub"))
	h.file(config+"/sshd_config", strings.NewReplacer("PORT", fmt.Sprint(h.port), "CONFIG", config).Replace(sshdConf))
	hostKey := strings.Fields(h.read(config + "/host_key.pub"))
	known := h.file(keys+"/known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s %s\n", h.port, hostKey[0], hostKey[1]))
	options := func(key string) []string {
		return []string{"-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + known, "-o", "StrictHostKeyChecking=yes"}
	}
	ssh := func(key string, args ...string) []string {
		line := append([]string{"ssh", "-p", fmt.Sprint(h.port)}, options(key)...)
		return append(append(line, h.name+"@127.0.0.1"), args...)
	}
	r := h.start()
	r.listens()
	if got := h.must(ssh(key, "echo in; id -u; cat /proc/1/comm")...); got != fmt.Sprintf("in\n%d\nlichen-init", h.uid) {
		t.Errorf("%q", got)
	}
	h.fails("Permission denied", ssh(other, "echo in")...)
	h.fails("No such file", ssh(key, "cat", h.home+"/.ssh/id_ed25519")...)
	h.fails("", ssh(key, "echo x >>"+config+"/authorized_keys")...)
	h.must(ssh(key, "echo left >"+data+"/file")...)
	if got := h.read(data + "/file"); got != "left\n" {
		t.Errorf("%q", got)
	}
	// A terminal, as for a login.
	if got := h.must(ssh(key, "-tt", "tty")...); !strings.Contains(got, "/dev/pts/") {
		t.Errorf("%q", got)
	}
	// sftp, and no way on from here.
	h.must(append(append([]string{"scp", "-q", "-P", fmt.Sprint(h.port)}, options(key)...), "/etc/hostname", h.name+"@127.0.0.1:"+data+"/sent")...)
	if h.read(data+"/sent") != h.read("/etc/hostname") {
		t.Error("scp has sent something else")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.check(err)
	defer l.Close()
	h.fails("open failed", ssh(key, "-W", l.Addr().String())...)
	r.signal(syscall.SIGTERM)
	r.ends(0)
	h.attacks(map[string]string{
		"read " + config + "/host_key":         "ok",
		"write " + config + "/authorized_keys": "EROFS EACCES",
		"write " + config + "/sshd_config":     "EROFS EACCES",
		"create " + data + "/mine":             "ok",
		"execute " + data + "/true":            "EACCES",
	})
}
