// Command torture breaks a bank of real processes in every way it knows, and
// checks from outside that the bank kept its promises.
//
// Five branches run as processes of their own, on real disks, and reach each
// other through proxies that can hold back, delay, drip and reset. Customers
// deposit, withdraw, transfer and query over the public API, with deadlines,
// and with retries that keep their request id. Round by round, faults from a
// seeded list strike: kill -9, SIGSTOP, partitions, full disks, wiped and old
// data directories. At intervals the faults are mended, the customers pause,
// and all that the branches list is compared with all that the customers were
// told.
//
// Where to start reading: [torment] is a whole run; fault*.go have the faults,
// check*.go the checks. The checks are pure: they take a history, which is what
// the customers saw, and evidence, which is what the branches list.
package main
