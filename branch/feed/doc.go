// Package feed serves Watch, the RPC by which customers and other branches see
// what goes on at a branch and in its bank.
//
// Its words: whoever calls Watch is a watcher. A watcher sees a picture on a
// screen, first all of it and then what changes. There are two kinds of pictures,
// each with one account:
//
//	reporter  this branch alone. Its report tells the branch's state, balance,
//	          positions and last writes.
//	survey    the bank. A survey is a watcher of every branch, this one included,
//	          puts their reports together and judges each branch's health.
//
// The observer sees every step of the engine, watched or not. It keeps the pulse,
// which is what the branch remembers of its last minutes, and hands what was
// committed to the reporters.
//
// Where to find what:
//
//	feed.go      Feed: who watches what, and how many may; source.go: what a feed
//	             needs of its branch
//	observer.go  what is seen of the engine; pulse.go, histogram.go: statistics
//	reporter.go  a branch reports itself
//	survey.go    a branch asks all branches; survey_hear.go: what it makes of a
//	             report; survey_judge.go: what it makes of all of them
//	picture.go   what is known and when it changed; trips.go: how far peers are;
//	             screen.go: who is shown it
//	internal/verdict
//	             the rules for a branch's health, and the headline's words
//
// Package feed knows the ledger and the protocol by their values, and the API. It
// knows a branch only as a [Source], which package branch implements. Package
// service hands the calls of Watch to it.
package feed
