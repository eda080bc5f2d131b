//go:build !race

package output

// workerEnv is the environment of the worker process: none.
func workerEnv() []string { return []string{} }
