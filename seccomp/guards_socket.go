package seccomp

var (
	// Families beyond these are code that any user can load into the kernel
	// (AF_ALG, AF_CAN, …), or reach out of the net namespace (AF_VSOCK). Two
	// protocols of the internet families, SMC (256) and MPTCP (262), carry TCP
	// past Landlock's rules for TCP ports.
	socketGuard = guard{
		rule: "arg0 in {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK} && !(arg2 in {256, 262})",
		cond: &expr{kind: exprAnd, left: &openFamilies, right: &plainProtocols}, otherwise: RetErrno | eafnosupport,
	}
	openFamilies   = expr{kind: exprIn, arg: 0, mask: noMask, vals: []uint64{1, 2, 10, 16}}
	plainProtocols = expr{kind: exprNotIn, arg: 2, mask: noMask, vals: []uint64{256, 262}}
	// The family of socketcall(SYS_SOCKET) is in memory, so that letting it
	// through would give back every family that socketGuard takes away.
	socketcallGuard = guard{
		rule: "!(arg0 in {SYS_SOCKET, SYS_SOCKETPAIR})",
		cond: &expr{kind: exprNotIn, arg: 0, mask: noMask, vals: []uint64{1, 8}}, otherwise: RetErrno | enosys,
	}

	unixGuard = guard{
		rule: "arg0 == AF_UNIX",
		cond: &unixFamily, otherwise: RetErrno | eafnosupport,
	}
	unixSocketcallGuard = guard{otherwise: RetErrno | enosys}

	noSocketGuard = guard{otherwise: RetErrno | eafnosupport}
	// Datagram pairs, and SOCK_RAW, which the unix family takes as the same, may
	// be disconnected and sent to any path (unix_dgram_connect and
	// unix_dgram_sendmsg of net/unix/af_unix.c); the other two types stay with
	// their peer. The mask is SOCK_TYPE_MASK: above it are SOCK_CLOEXEC and
	// SOCK_NONBLOCK.
	streamPairGuard = guard{
		rule: "arg0 == AF_UNIX && arg1 & 0xf in {SOCK_STREAM, SOCK_SEQPACKET}",
		cond: &expr{kind: exprAnd, left: &unixFamily, right: &expr{kind: exprIn, arg: 1, mask: 0xf, vals: []uint64{1, 5}}}, otherwise: RetErrno | eafnosupport,
	}

	// MSG_FASTOPEN connects a TCP socket without the hook that Landlock's rules for
	// ports are in (tcp_sendmsg_fastopen of net/ipv4/tcp.c; seen on Linux 6.18). The
	// answer is that of a host whose net.ipv4.tcp_fastopen is off, after which
	// programs connect in the usual way.
	fastOpen2Guard = guard{rule: "arg2 & MSG_FASTOPEN == 0", cond: &expr{kind: exprIn, arg: 2, mask: msgFastOpen, vals: []uint64{0}}, otherwise: RetErrno | eopnotsupp}
	fastOpen3Guard = guard{rule: "arg3 & MSG_FASTOPEN == 0", cond: &expr{kind: exprIn, arg: 3, mask: msgFastOpen, vals: []uint64{0}}, otherwise: RetErrno | eopnotsupp}

	// TCP_ULP makes a TCP socket one of SMC where its module is loaded (smc_ulp_init
	// of net/smc/af_smc.c), and that connects past the rules for TCP. It is also how
	// the kernel is asked to do TLS, which programs then do themselves.
	tcpULPGuard = guard{
		rule: "!(arg1 == IPPROTO_TCP && arg2 == TCP_ULP)",
		cond: &expr{
			kind: exprOr, left: &expr{kind: exprNotIn, arg: 1, mask: noMask, vals: []uint64{6}},
			right: &expr{kind: exprNotIn, arg: 2, mask: noMask, vals: []uint64{31}},
		}, otherwise: RetErrno | eopnotsupp,
	}

	unixFamily = expr{kind: exprIn, arg: 0, mask: noMask, vals: []uint64{1}}
)

// unixOnlyGuardOf returns what Options.UnixOnly adds to a call, or nil. Nothing
// lifts it. io_uring goes too: IORING_OP_SOCKET makes sockets of any family
// without a system call that a filter could see.
func unixOnlyGuardOf(id callID) *guard {
	switch id {
	case callSocket, callSocketpair:
		return &unixGuard
	case callSocketcall:
		return &unixSocketcallGuard
	case callIoUringSetup, callIoUringEnter, callIoUringRegister:
		return &refuseGuard
	}
	return nil
}

// noSocketsGuardOf returns what Options.NoSockets adds to a call, or nil.
// Nothing lifts it.
func noSocketsGuardOf(id callID) *guard {
	switch id {
	case callSocket:
		return &noSocketGuard
	case callSocketpair:
		return &streamPairGuard
	}
	return unixOnlyGuardOf(id)
}

const msgFastOpen = 0x20000000 // MSG_FASTOPEN

// noFastOpenGuardOf returns what Options.NoFastOpen adds to a call, or nil. Nothing
// lifts it. socketcall has the flags in memory, and io_uring sends without a system
// call that a filter could see.
func noFastOpenGuardOf(id callID) *guard {
	switch id {
	case callSendmsg:
		return &fastOpen2Guard
	case callSendto, callSendmmsg:
		return &fastOpen3Guard
	case callSetsockopt:
		return &tcpULPGuard
	case callSocketcall, callIoUringSetup, callIoUringEnter, callIoUringRegister:
		return unixOnlyGuardOf(id)
	}
	return nil
}
