package mount

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/spec"
)

// maxLower is how many directories fit one parameter of fsconfig(2), which has at
// most 255 bytes.
const maxLower = 11

// overlay mounts the layers of st. userxattr is what the kernel asks for in a
// user namespace (Linux 5.11).
func (c *script) overlay(st *spec.Step) {
	b := c.b
	options := []plan.Option{{Key: "source", Value: "overlay"}, {Key: "userxattr"}}
	d := overlayDirs{b: b, next: c.s.FreeFD, scratch: plan.NoSlot}
	upper, work := st.Upper, st.Work
	switch st.Kind {
	case spec.StepTmpOverlay:
		upper, work = c.layerInScratch(st)
		d.scratch = c.scratch
	case spec.StepOverlay:
		upper, work = c.layerPath(upper), c.layerPath(work)
	default:
		upper = ""
	}
	options = append(options, c.lower(st, &d)...)
	if upper != "" {
		c.note("find source", st.Upper, st)
		options = append(options, plan.Option{Key: "upperdir", Value: d.layer(upper)})
		c.note("find source", st.Work, st)
		options = append(options, plan.Option{Key: "workdir", Value: d.layer(work)})
	}
	c.note("mount overlay on", st.Target, st)
	fd := b.NewFS("overlay", 0, options...)
	d.close()
	c.attach(st, fd, true, point{})
}

// layerInScratch makes the upper and the work directory that nobody else sees.
func (c *script) layerInScratch(st *spec.Step) (upper, work string) {
	c.note("make layer for", st.Target, st)
	scratch := c.needScratch()
	n := strconv.Itoa(c.layers)
	c.layers++
	upper, work = "upper-"+n, "work-"+n
	c.b.Mkdir(scratch, upper, 0o755)
	c.b.Mkdir(scratch, work, 0o755)
	return upper, work
}

// lower opens the lower directories. Many are given one by one, which takes
// Linux 6.7.
func (c *script) lower(st *spec.Step, d *overlayDirs) []plan.Option {
	names := make([]string, len(st.Lower))
	for i, dir := range st.Lower {
		c.note("find source", dir, st)
		names[i] = d.host(c.layerPath(dir))
	}
	if len(names) <= maxLower {
		return []plan.Option{{Key: "lowerdir", Value: strings.Join(names, ":")}}
	}
	options := make([]plan.Option, len(names))
	for i, name := range names {
		options[i] = plan.Option{Key: "lowerdir+", Value: name}
	}
	return options
}
