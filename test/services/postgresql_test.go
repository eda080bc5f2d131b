package services

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPostgreSQL: a cluster is made, filled and found again under the profile, and
// a superuser of the database gets no further than its directory.
func TestPostgreSQL(t *testing.T) {
	bin := filepath.Dir(needs(t, "postgresql", "/usr/lib/postgresql/*/bin/initdb"))
	needs(t, "postgresql-client", bin+"/psql", "/usr/bin/psql")
	h := newHost(t, "postgresql")
	state := h.mkdir(h.home+"/.local/state/postgresql", 0o700)
	// Trusted, because this user alone can reach the socket's directory; and no
	// waiting for the disk, which is not what is tested.
	h.must(h.inside(bin+"/initdb", "-A", "trust", "-N", "--locale=C")...)
	command := []string{"flock", "-n", "-F", state + "/lock", bin + "/postgres", "-k", state, "-p", fmt.Sprint(h.port), "-c", "fsync=off"}
	over := func(host string) func(sql string) []string {
		return func(sql string) []string {
			return []string{"psql", "-h", host, "-p", fmt.Sprint(h.port), "-At", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql}
		}
	}
	socket, tcp := over(state), over("127.0.0.1")

	r := h.start(command...)
	r.until("connect", func() error {
		if o := h.do(socket("SELECT 1")...); o.code != 0 {
			return fmt.Errorf("%s", o.stderr)
		}
		return nil
	})
	h.must(socket("CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 10000) AS i")...)
	if got := h.must(tcp("SELECT count(*), max(name) FROM t")...); got != "10000|row 9999" {
		t.Errorf("over TCP: %q", got)
	}
	// Workers share memory through /dev/shm.
	if got := h.must(tcp("SET parallel_setup_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_tuple_cost = 0; SELECT sum(id) FROM t")...); got != "SET\nSET\nSET\n50005000" {
		t.Errorf("in parallel: %q", got)
	}
	// What a superuser can do is run programs as the server's user.
	h.must(tcp("CREATE TABLE said (line text); COPY said FROM PROGRAM 'echo inside'")...)
	h.fails("", tcp("COPY said FROM PROGRAM 'cat "+h.home+"/.ssh/id_ed25519'")...)
	h.fails("No such file", tcp("SELECT pg_read_file('"+h.home+"/notes')")...)
	h.fails("", tcp("COPY said TO '"+h.home+"/.ssh/authorized_keys'")...)
	h.fails("", tcp("COPY said TO '/etc/cron.d/x'")...)

	// Two servers on one directory would ruin it, and neither the process ids nor
	// the shared memory that PostgreSQL looks at are seen from another sandbox.
	h.fails("", h.inside(command...)...)

	r.signal(syscall.SIGINT)
	r.ends(0)
	r = h.start(command...)
	r.until("connect", func() error {
		if o := h.do(tcp("SELECT count(*) FROM t")...); o.code != 0 || o.stdout != "10000\n" {
			return fmt.Errorf("%+v", o)
		}
		return nil
	})
	r.signal(syscall.SIGINT)
	r.ends(0)

	h.attacks(map[string]string{
		"write " + state + "/data/postgresql.conf": "ok",
		"execute " + state + "/library.so":         "EACCES",
	})
}
