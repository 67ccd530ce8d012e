// Package lamport has the traces of the course's second project: the logical clocks
// (Lamport, 1978) of customers and branches.
//
// A [Trace] has the events of each process. [Read] reads one from the files that the
// course's editions know, ours or a student's, and [Encode] writes them. [Check] finds
// what no right run can have made. [Draw] makes the space-time diagram of it, and
// [Mermaid] a sequence diagram for reports.
//
// The package knows files and traces. It calls nobody, and does not know how the clocks
// of a trace ticked.
package lamport
