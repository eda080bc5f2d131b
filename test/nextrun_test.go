package test

import (
	"os"
	"strings"
	"testing"
)

// TestPlantedLinks protects P8: what a payload leaves in a writable grant does
// not move the grants of the next run.
func TestPlantedLinks(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.outside+"/file", canary)
		sub := b.mkdir(b.work + "/sub")
		b.file(sub+"/file", "mine")
		b.mkdir(b.work + "/low")
		b.mkdir(b.work + "/wd")
		overlay := func(name, lower, upper string) []string {
			return []string{"-p", b.file(b.dir+"/"+name+".toml", "version = 1\nextends = ['base']\n[fs]\nrw = ['"+b.work+"']\n[[mount]]\ntype = 'overlay'\ntarget = '/o'\nlower = ['"+lower+"']\nupper = '"+upper+"'\nwork = '"+b.work+"/wd'\noptions = ['rw']\n")}
		}
		for _, c := range []struct {
			name    string
			options []string
			attack  string // what the payload does in a first run, where it may write all of the work directory
			sub     string // what is then where the grant was
		}{
			{"ro below rw", []string{"--rw", b.work, "--ro", b.work + "/sub"}, b.work + "/sub", b.outside},
			{"rw below rw", []string{"--rw", b.work, "--rw", b.work + "/sub:/x"}, b.work + "/sub", b.outside},
			{"rw that is looked at first", []string{"--rw", b.work, "--rw", b.work + "/sub:/a"}, b.work + "/sub", b.outside},
			{"elsewhere", []string{"--rw", b.work, "--ro", b.work + "/sub:/x"}, b.work + "/sub", b.outside},
			{"file", []string{"--rw", b.work, "--ro", b.work + "/sub/file:/x"}, b.work + "/sub/file", b.outside + "/file"},
			{"parent", []string{"--rw", b.work, "--ro", b.work + "/sub/file:/x"}, b.work + "/sub", b.outside},
			{"hide", []string{"--rw", b.work, "--hide", b.work + "/sub"}, b.work + "/sub", b.outside},
			{"hide file", []string{"--rw", b.work, "--hide", b.work + "/sub/file"}, b.work + "/sub/file", b.outside + "/file"},
			{"tmpfs", []string{"--rw", b.work, "--tmpfs", b.work + "/sub"}, b.work + "/sub", b.outside},
			{"noexec", []string{"--rw", b.work, "--noexec", b.work + "/sub"}, b.work + "/sub", b.outside},
			{"upper", overlay("upper", b.work+"/low", b.work+"/sub"), b.work + "/sub", b.outside},
			{"lower", overlay("lower", b.work+"/sub", b.work+"/low"), b.work + "/sub", b.outside},
			{"old root", []string{"--rw", b.work, "--tmpfs", b.work + "/sub"}, b.work + "/sub", "/proc/1/root/tmp"},
		} {
			first := b.do(command{args: probeArgs(c.options, "ids")})
			if first.code != 0 {
				t.Errorf("%s, with nothing planted: status %d %s", c.name, first.code, first.stderr)
			}
			planted := b.inside([]string{"--rw", b.work}, "rename "+c.attack+" "+c.attack+".away", "symlink "+c.sub+" "+c.attack)
			for _, a := range planted {
				b.expect(c.name+", planting", a, "ok")
			}
			o := b.do(command{args: probeArgs(c.options, "hunt c4n4ry~-7f3a", "create "+b.work+"/sub/new x", "create "+b.outside+"/new x")})
			if o.code == 0 {
				t.Errorf("%s: the sandbox started: %s", c.name, o.stdout)
			} else {
				b.fails(o, 125, b.work)
			}
			if _, err := os.Lstat(b.outside + "/new"); err == nil {
				t.Errorf("%s: the payload wrote outside", c.name)
				os.Remove(b.outside + "/new")
			}
			b.check(os.Remove(c.attack))
			b.check(os.Rename(c.attack+".away", c.attack))
		}
	})
}

// TestRenamedParent protects P8 against a payload that moves away the directory
// around what is hidden or read-only.
func TestRenamedParent(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.mkdir(b.work + "/sub")
		b.file(b.work+"/sub/secret", canary)
		p := b.profile("version = 1\nextends = ['base']\n[fs]\nrw = ['" + b.work + "']\nhide = ['" + b.work + "/sub/secret?']\n")
		b.inside([]string{"-p", p}, "rename "+b.work+"/sub "+b.work+"/moved")
		o := b.do(command{args: probeArgs([]string{"-p", p}, "hunt c4n4ry~-7f3a")})
		if o.code == 0 && parseAnswers(t, o.stdout)["hunt c4n4ry~-7f3a"].Out != "" {
			t.Errorf("the next run sees %s", o.stdout)
		}
	})
}

// TestProfilesAreOutOfReach protects P8: no grant makes the profiles writable,
// by whatever way the path leads there.
func TestProfilesAreOutOfReach(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		config := b.mkdir(b.home + "/.config/lichen/profiles")
		b.mkdir(b.work + "/upper")
		b.mkdir(b.work + "/workdir")
		b.check(os.Symlink(b.home, b.outside+"/alias"))
		overlay := "version = 1\nextends = ['base']\n[[mount]]\ntype = 'overlay'\ntarget = '/o'\nlower = ['" + b.outside + "']\nupper = '" + config + "'\nwork = '" + b.mkdir(b.home+"/.config/lichen/w") + "'\noptions = ['rw']\n"
		for name, options := range map[string][]string{
			"home":      {"--rw", b.home},
			"config":    {"--rw", b.home + "/.config"},
			"itself":    {"--rw", config},
			"elsewhere": {"--rw", b.home + ":/mnt"},
			"link":      {"--rw", b.outside + "/alias"},
			"below":     {"--rw", b.outside + "/alias/.config:/c"},
			"overlay":   {"-p", b.profile(overlay)},
		} {
			o := b.do(command{args: probeArgs(options, "ids")})
			if o.code != 125 {
				t.Errorf("%s: status %d, %s%s", name, o.code, o.stdout, o.stderr)
				continue
			}
			b.fails(o, 125, "lichen/profiles", "hint:")
		}
		store := b.mkdir(b.home + "/.local/share/lichen/images")
		in := b.inside([]string{"--rw", b.home, "--ro", b.home + "/.config", "--hide", store}, "create "+config+"/default.toml x", "create "+b.home+"/x y", "rename "+b.home+"/.config "+b.home+"/other")
		b.expect("inside", in["create "+config+"/default.toml x"], "EROFS EACCES")
		b.expect("inside", in["create "+b.home+"/x y"], "ok")
		b.expect("inside", in["rename "+b.home+"/.config "+b.home+"/other"], "EBUSY EROFS EXDEV")
		// A profile that is given by its path is out of reach as well.
		p := b.file(b.work+"/p.toml", "version = 1\nextends = ['base']\n[fs]\nrw = ['${PWD}']\n")
		b.check(os.Symlink(b.work, b.dir+"/worklink"))
		for _, path := range []string{p, "./p.toml", "../work/p.toml", b.dir + "/worklink/p.toml"} {
			b.fails(b.do(command{args: probeArgs([]string{"-p", path}, "ids")}), 125, "p.toml", "hint:")
		}
	})
}

// TestNothingFromTheWorkDirectory protects P8: what lies about in a directory
// is never taken for a profile.
func TestNothingFromTheWorkDirectory(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		evil := "version = 1\nextends = ['base']\n[fs]\nro = ['" + b.outside + "']\n"
		b.file(b.outside+"/secret", canary)
		for _, dir := range []string{b.work, b.work + "/profiles", b.work + "/lichen/profiles", b.work + "/default.d", b.work + "/.config/lichen/profiles", b.work + "/.lichen"} {
			b.mkdir(dir)
			b.file(dir+"/default.toml", evil)
		}
		for _, env := range [][]string{nil, {"XDG_CONFIG_HOME=."}, {"XDG_CONFIG_HOME=./.config"}, {"XDG_CONFIG_HOME="}, {"HOME=", "XDG_CONFIG_HOME=profiles"}} {
			o := b.do(command{args: probeArgs([]string{"-p", "base"}, "hunt c4n4ry~-7f3a"), env: env})
			if o.code != 0 || parseAnswers(t, o.stdout)["hunt c4n4ry~-7f3a"].Out != "" {
				t.Errorf("%v: %+v", env, o)
			}
			o = b.do(command{args: probeArgs([]string{"--cwd", "/"}, "read "+b.outside+"/secret"), env: env})
			if strings.Contains(o.stdout, canary) {
				t.Errorf("%v: a profile of the work directory is in force: %s", env, o.stdout)
			}
		}
		o := b.do(command{args: probeArgs([]string{"-p", "./default.toml"}, "read "+b.outside+"/secret")})
		if !strings.Contains(o.stdout, canary) {
			t.Errorf("asked for by its path it is not in force: %+v", o)
		}
	})
}
