package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

// tuning holds every time and count that tests make smaller.
type tuning struct {
	attempts   int           // of one request
	base, most time.Duration // delay after the first failure; it doubles up to most
	retryAfter time.Duration // the longest that a server may make us wait
	header     time.Duration // until the header of a response
	stall      time.Duration // spent in reads that bring fewer than stallBytes
	stallBytes int64
	progress   int64 // bytes with which a broken download counts as a success
	reconnects int   // of one blob
}

var defaultTuning = tuning{
	attempts: 6, base: 300 * time.Millisecond, most: 15 * time.Second, retryAfter: time.Minute,
	header: 30 * time.Second, stall: 30 * time.Second, stallBytes: 4 << 10,
	progress: 64 << 10, reconnects: 1000,
}

// errStalled ends a connection that brings next to nothing.
var errStalled = errors.New("the connection stalled")

// refused is a failure that no repetition mends.
type refused struct{ reason string }

func (r *refused) Error() string { return r.reason }

func refuse(reason string) error { return &refused{reason} }

// retry decides whether a failure may pass, and how long to wait.
func (t *tuning) retry(err error, attempt int) (time.Duration, bool) {
	if attempt >= t.attempts || !passes(err) {
		return 0, false
	}
	delay := t.backoff(attempt)
	var p *problem
	if errors.As(err, &p) && p.after > 0 {
		delay = max(delay, min(p.after, t.retryAfter))
	}
	return delay, true
}

// backoff doubles with each attempt. A random part of it keeps many clients
// from coming back at the same moment.
func (t *tuning) backoff(attempt int) time.Duration {
	d := t.base << min(attempt-1, 20)
	if d > t.most {
		d = t.most
	}
	return d/2 + rand.N(d/2+1)
}

// passes says whether a failure is one of the moment.
func passes(err error) bool {
	var p *problem
	if errors.As(err, &p) {
		switch p.status {
		case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var done *spec.Error
	if errors.As(err, &done) {
		return false // the source of an upload failed, and has its own repetitions behind it
	}
	var certificate *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var dns *net.DNSError
	switch {
	case errors.Is(err, errStalled), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return true
	case errors.As(err, &certificate), errors.As(err, &unknown), noTLS(err),
		errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &dns):
		return dns.Temporary()
	}
	// Who cannot be reached has had dialTimeout for it; what fails later may do
	// better, whatever the kernel says of it.
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op != "dial" && op.Op != "proxyconnect"
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watched is a body whose reads must make progress. Only the time inside reads
// counts: a reader who is slow himself is not the server's fault.
type watched struct {
	io.ReadCloser
	timer *time.Timer
	tune  *tuning
	spent time.Duration
	got   int64
}

func newWatched(body io.ReadCloser, cancel context.CancelCauseFunc, tune *tuning) *watched {
	w := &watched{ReadCloser: body, tune: tune}
	w.timer = time.AfterFunc(tune.stall, func() { cancel(errStalled) })
	w.timer.Stop()
	return w
}

func (w *watched) Read(p []byte) (int, error) {
	start := time.Now()
	w.timer.Reset(w.tune.stall - w.spent)
	n, err := w.ReadCloser.Read(p)
	w.timer.Stop()
	w.spent += time.Since(start)
	if w.got += int64(n); w.got >= w.tune.stallBytes {
		w.got, w.spent = 0, 0
	}
	return n, err
}

// sending is the body of an upload. The time between its reads is that in
// which the server takes what was read; how long the source takes is its own
// affair.
type sending struct {
	io.ReadCloser
	timer *time.Timer
	tune  *tuning
}

func newSending(body io.ReadCloser, cancel context.CancelCauseFunc, tune *tuning) *sending {
	s := &sending{ReadCloser: body, tune: tune}
	s.timer = time.AfterFunc(tune.stall, func() { cancel(errStalled) })
	s.timer.Stop()
	return s
}

func (s *sending) Read(p []byte) (int, error) {
	s.timer.Stop()
	n, err := s.ReadCloser.Read(p)
	if err == nil {
		s.timer.Reset(s.tune.stall)
	}
	return n, err
}

func (s *sending) Close() error {
	s.timer.Stop()
	return s.ReadCloser.Close()
}
