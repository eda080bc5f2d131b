//go:build !race

package unpacker

// workerEnv is the environment of the worker process: none.
func workerEnv() []string { return []string{} }
