// Command bench measures the limit of the wire, the systems that a user would pick
// instead, and Passbook, in one run on one machine. It prints their ratios,
// because absolute figures differ from machine to machine, and ratios far less.
//
// Servers and load generator are separate processes. This process makes the
// load and reads the clock; each branch, each peer and each limit runs in a
// process of its own, with a directory of its own, and all of them sync.
// Contenders take turns (A B C A B C …), so other load on the machine affects all
// of them. Each figure is the median of its runs, with the least and the greatest.
//
// Where to start reading: [goals] lists what is measured, goal*.go have one
// goal each, contender*.go one contender each. [closedLoop] and [openLoop] make
// the load; [alternate] takes the turns; [table] prints.
//
// The goal far has three sites: [roads] lead from one to another, each through a
// [delayProxy], and can be cut. Each part of it has a file, goal_far*.go, and
// far*.go have what the parts share: the customers, the peers with servers at the sites,
// and what callers see of a cut. [barChart] and [lineChart] draw some of it.
//
// It needs Linux: processor time and memory of the servers come from /proc.
package main
