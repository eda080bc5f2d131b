// Package bwrap reads bubblewrap's command line.
//
// [Parse] turns arguments into a [Config]: plain data, the operations on the
// file system in the order they were given. One table of options feeds the
// parser and the help text. The options are those of bubblewrap 0.11.1; the
// refusals have bubblewrap's words, because callers parse them.
//
// The package opens nothing and changes nothing: lists of arguments come
// through [Options], and the descriptors that options name stay numbers.
//
// Where bubblewrap reads on over a mistake, Parse refuses:
//
//   - a number that does not fit (bubblewrap wraps it: --uid 4294967296 is root);
//   - --perms and --size with nothing after them (bubblewrap drops them);
//   - text behind the name or the number of a capability, and capabilities
//     that no kernel has;
//   - --overlay-src without an argument.
package bwrap
