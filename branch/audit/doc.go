// Package audit has the audit log: who was refused what, what operators changed, who
// logged in, and what became of certificates and keys. It is for those who look after a
// bank and for their programs: a JSON object a line.
//
//	log.go    Log, and the events that it is told of
//	line.go   an event as a line: bounded, printable, without tokens and keys
//	flood.go  refusals that are like others are summed
//	file.go   the file, which others may rename, remove or truncate
//
// What comes from outside can't forge a line, fill the disk, or stop the branch: a line that
// can't be written is counted, and the log says so as soon as it can.
package audit
