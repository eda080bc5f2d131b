package bwrap

// finish takes the command and checks what options mean together, in
// bubblewrap's order: some of it comes before the usage, some after.
func (p *parser) finish(rest []string) error {
	if err := p.pending(kindArgs); err != nil {
		return err
	}
	c := p.c
	for _, check := range [...]struct {
		bad  bool
		text string
	}{
		{c.UsernsBlockFD != NoFD && !c.Unshare.User, "--userns-block-fd requires --unshare-user"},
		{c.UsernsBlockFD != NoFD && c.InfoFD == NoFD, "--userns-block-fd requires --info-fd"},
		{c.UserNS != NoFD && c.Unshare.User, "--userns not compatible --unshare-user"},
		{c.UserNS != NoFD && c.Unshare.UserTry, "--userns not compatible --unshare-user-try"},
		{c.DisableUserns && !c.Unshare.User, "--disable-userns requires --unshare-user"},
		{c.DisableUserns && c.UsernsBlockFD != NoFD, "--disable-userns is not compatible with  --userns-block-fd"},
	} {
		if check.bad {
			return refuse(check.text)
		}
	}
	if len(rest) == 0 {
		return &Error{Text: "no command", Usage: true}
	}
	c.Command = rest
	if !p.o.Root && c.UserNS == NoFD {
		c.Unshare.User = true
	}
	return c.checkIDs()
}

func (c *Config) checkIDs() error {
	user := c.Unshare.User || c.Unshare.UserTry || c.UserNS != NoFD
	switch {
	case c.UID != nil && !user:
		return refuse("Specifying --uid requires --unshare-user or --userns")
	case c.GID != nil && !user:
		return refuse("Specifying --gid requires --unshare-user or --userns")
	case c.Hostname != nil && !c.Unshare.UTS:
		return refuse("Specifying --hostname requires --unshare-uts")
	case c.AsPID1 && !c.Unshare.PID:
		return refuse("Specifying --as-pid-1 requires --unshare-pid")
	case c.AsPID1 && len(c.LockFiles) > 0:
		return refuse("Specifying --as-pid-1 and --lock-file is not permitted")
	}
	return nil
}
