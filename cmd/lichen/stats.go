package main

// stats is where what a sandbox has used is written at its end.
type stats struct{}

func openStats(*ui, string) (*stats, error) { return nil, nil }

func (s *stats) write(*outcome) {}
