package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
)

// The test program is its own helper: these say as what, and on which store.
const (
	workerVar = "LICHEN_BLOB_TEST_WORKER"
	storeVar  = "LICHEN_BLOB_TEST_STORE"
	innerVar  = "LICHEN_BLOB_TEST_INNER" // a test that runs tests does nothing
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(workerVar) {
	case "churn":
		err = churn(os.Getenv(storeVar))
	case "ingest":
		err = ingestAll(os.Getenv(storeVar))
	case "full":
		err = mountFull(os.Getenv(storeVar))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// worker returns the command of a helper; stderr is the test's.
func worker(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	check(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), workerVar+"="+what, storeVar+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// skip gives up on a test for which this machine lacks something. Where the
// machine is known to have everything, that is a failure.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatal("must work here, but: " + reason)
	}
	t.Skip(reason)
}

// churnBlobs are what the helpers store, and churnTree the files of a tree.
func churnBlobs() [][]byte {
	var blobs [][]byte
	for i, size := range []int{0, 900, 3 * chunk, 5*chunk + 7} {
		blobs = append(blobs, random(uint64(100+i), size))
	}
	return blobs
}

var churnFiles = []string{"rootfs/a", "rootfs/b", "owners"}

func churnKey() store.TreeKey {
	k, err := store.Key("sha256:"+strings.Repeat("7", 64), store.Single)
	if err != nil {
		panic(err)
	}
	return k
}

// churn does everything to a store, over and over, until it is killed.
func churn(dir string) error {
	s, err := store.Create(dir)
	if err != nil {
		return err
	}
	blobs := churnBlobs()
	r, err := ref.Parse("churn")
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		data := blobs[rand.IntN(len(blobs))]
		err := errors.Join(
			unless(fs.ErrNotExist, Delete(s, sum(data))),
			Ingest(s, describe(data), (&source{data: data, restart: i%2 == 0}).open, io.Discard, nil),
			buildTree(s),
			s.PutRecord(r, "", &record.Record{Reference: r.String(), Env: make([]string, i%500)}),
			unless(store.ErrInUse, unless(fs.ErrNotExist, s.DeleteTree(churnKey(), nil))),
			unless(store.ErrInUse, sweep(s)),
		)
		// Another has deleted what was there a moment before.
		if unless(fs.ErrNotExist, err) != nil {
			return err
		}
	}
}

func sweep(s *store.Store) error {
	_, err := s.Sweep(store.Sweep{Partial: true})
	return err
}

func unless(expected, err error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func buildTree(s *store.Store) error {
	st, err := s.Staging()
	if err != nil {
		return err
	}
	err = os.Mkdir(st.Dir+"/rootfs", 0o755)
	for _, f := range churnFiles {
		err = errors.Join(err, os.WriteFile(st.Dir+"/"+f, []byte(f), 0o600))
	}
	if err == nil {
		err = st.Publish(churnKey())
	}
	return errors.Join(err, st.Close(nil))
}

// ingestAll stores all blobs, and logs each download beside the store.
func ingestAll(dir string) error {
	s, err := store.Create(dir)
	if err != nil {
		return err
	}
	blobs := churnBlobs()
	rand.Shuffle(len(blobs), func(i, j int) { blobs[i], blobs[j] = blobs[j], blobs[i] })
	for _, data := range blobs {
		var sink bytes.Buffer
		err := Ingest(s, describe(data), func(offset int64) (io.ReadCloser, error) {
			log, err := os.OpenFile(dir+".log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				return nil, err
			}
			fmt.Fprintln(log, sum(data), offset)
			time.Sleep(5 * time.Millisecond)
			return (&source{data: data}).open(offset)
		}, &sink, nil)
		if err != nil {
			return err
		}
		if !bytes.Equal(sink.Bytes(), data) {
			return errors.New("a sink did not get the blob")
		}
	}
	return nil
}
