// Package verdict says how the branches of a bank are, from what is known of each:
// a verdict on every branch, and a headline for the bank. It is pure: the same
// evidence gives the same words.
//
// It knows the terms of the API only. Package feed gathers the evidence.
package verdict
