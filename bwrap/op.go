package bwrap

// op adds an operation. What is pending and fits it goes into it.
func (p *parser) op(o *option, args []string) error {
	op := o.op
	op.Option, op.FD, op.Dest = o.name, NoFD, args[len(args)-1]
	var err error
	switch op.Kind {
	case OpBind:
		if o.meta == "FD DEST" {
			op.FD, err = parseFD(args[0])
		} else {
			op.Source = args[0]
		}
	case OpFile, OpBindData:
		op.FD, err = parseFD(args[0])
		op.Perms = p.takePerms()
	case OpSymlink:
		op.Source = args[0]
	case OpChmod:
		op.Perms, err = parsePerms(o.name, args[0])
	case OpDir:
		op.Perms = p.takePerms()
	case OpTmpfs:
		op.Perms = p.takePerms()
		op.Size, p.size = p.size, 0
	case OpOverlay:
		op.Upper, op.Work = args[0], args[1]
		err = p.takeLower(&op, "--overlay requires at least one --overlay-src", 1)
	case OpTmpOverlay:
		err = p.takeLower(&op, "--tmp-overlay requires at least one --overlay-src", 1)
	case OpROOverlay:
		err = p.takeLower(&op, "--ro-overlay requires at least two --overlay-src", 2)
	}
	if err != nil {
		return err
	}
	p.c.Ops = append(p.c.Ops, op)
	return nil
}

func (p *parser) takePerms() *uint32 {
	perms := p.perms
	p.perms = nil
	return perms
}

func (p *parser) takeLower(op *Op, few string, least int) error {
	if len(p.lower) < least {
		return refuse(few)
	}
	op.Lower, p.lower = p.lower, nil
	return nil
}
