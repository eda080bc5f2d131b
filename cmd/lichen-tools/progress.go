package main

import (
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/lichen-sandbox/lichen/image/pull"
)

// progress shows how layers arrive. stop takes what moves off the terminal; it
// comes before anything else is printed.
type progress interface {
	pull.Watcher
	stop()
}

// newProgress returns bars where standard error is a terminal, lines elsewhere,
// and silence where that is asked for.
func (u *ui) newProgress(quiet bool) progress {
	if quiet {
		return silence{}
	}
	if f := u.terminal(); f != nil {
		return newBars(f)
	}
	return &lines{u: u}
}

// layerName is a layer as both forms show it: "layer 1/3", or "blob 1" where
// nobody knows how many there will be.
func layerName(l pull.Layer) string {
	if l.Of == 0 {
		return "blob " + number(l.Number)
	}
	return "layer " + number(l.Number) + "/" + number(l.Of)
}

// silence shows nothing.
type silence struct{}

func (silence) Begin(pull.Layer)        {}
func (silence) Bytes(pull.Layer, int64) {}
func (silence) End(pull.Layer, error)   {}
func (silence) stop()                   {}

// lines writes a line for each layer that is there.
type lines struct{ u *ui }

func (p *lines) Begin(pull.Layer)        {}
func (p *lines) Bytes(pull.Layer, int64) {}
func (p *lines) stop()                   {}

func (p *lines) End(l pull.Layer, err error) {
	how := "done"
	switch {
	case err != nil:
		how = "failed"
	case l.Present:
		how = "already there"
	}
	p.u.note(printable(layerName(l)+" "+l.Digest+" "+size(l.Size)+" "+how) + "\n")
}

// bars draws a bar for each layer. Only the cursor is moved: the terminal keeps
// its settings, so that nothing has to be put back, however this ends.
type bars struct {
	pool *mpb.Progress

	mu  sync.Mutex
	bar map[int]*mpb.Bar // by number of the layer
}

func newBars(terminal *os.File) *bars {
	return &bars{pool: mpb.New(mpb.WithOutput(terminal)), bar: map[int]*mpb.Bar{}}
}

func (p *bars) Begin(l pull.Layer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar[l.Number] != nil {
		return
	}
	p.bar[l.Number] = p.pool.AddBar(max(1, l.Size),
		mpb.BarPriority(l.Number),
		mpb.BarFillerClearOnComplete(),
		mpb.PrependDecorators(decor.Name(layerName(l)+" "+short(l.Digest)+" ")),
		mpb.AppendDecorators(
			decor.OnAbort(decor.OnComplete(decor.CountersKibiByte("% .1f / % .1f"), size(l.Size)+" done"), "stopped")),
	)
}

func (p *bars) Bytes(l pull.Layer, n int64) {
	if b := p.of(l); b != nil && n < l.Size { // End completes it
		b.SetCurrent(n)
	}
}

func (p *bars) End(l pull.Layer, err error) {
	p.Begin(l)
	b := p.of(l)
	if err != nil {
		b.Abort(false)
		return
	}
	b.SetCurrent(max(1, l.Size))
}

func (p *bars) of(l pull.Layer) *mpb.Bar {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bar[l.Number]
}

func (p *bars) stop() {
	p.mu.Lock()
	for _, b := range p.bar {
		b.Abort(false) // without effect on those that are complete
	}
	p.mu.Unlock()
	p.pool.Wait()
}
