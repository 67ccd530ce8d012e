// Package browser guards a branch against pages of other sites, and lets the
// branch's own page reach the whole bank.
//
//   - Guard (guard.go) refuses calls by pages of other origins, and by names that
//     are not the branch's. origins.go says which origins and names may be allowed.
//   - Proxy (proxy.go) passes calls on that name another branch: a page may call its
//     own origin only.
//   - status.go keeps refusals, which are no faults of the page, out of its console.
//
// It knows how callers are refused, from package admit, the paths of calls, from
// package api, and how to connect to another branch, from package peernet. Package
// branch puts the Guard before everything else on its port.
package browser
