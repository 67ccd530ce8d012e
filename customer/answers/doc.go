// Package answers judges outputs of the course's first and third project: whether an
// output.json, ours or a student's, has the answers that its input.json asks for.
//
// Customers that run one after the other get one answer each, which [Check] computes in
// the dumbest way there is: one balance after the other. Customers that run at once may
// get several. Then [Check] looks for an order of their writes that explains all answers.
//
// The package knows inputs and outputs. It calls no branch, and shares nothing with those
// that it would judge.
package answers
