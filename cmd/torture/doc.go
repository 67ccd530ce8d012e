// Command torture breaks a bank of real processes in every way it knows, and
// checks from outside that the bank kept its promises.
//
// Five branches run as processes of their own, on real disks, and reach each
// other through proxies that can hold back, delay, drip and reset. Customers
// deposit, withdraw, transfer and query over the public API, with deadlines,
// and with retries that keep their request id. A third of the writes are lists,
// over streams of Submit: alone or several ahead of the answers, sent twice, and
// asked for again at other branches. Round by round, faults from a
// seeded list strike: kill -9, SIGSTOP, partitions, full disks, wiped and old
// data directories. At intervals the faults are mended, the customers pause,
// and all that the branches list is compared with all that the customers were
// told.
//
// What is checked of a list: that it is recorded once and as asked, carried out
// just as every answer says, whole if it is all or none, and covered at each
// operation on the way. In the order of an account a list is one step, and what
// it refused as insufficient another one before it. Two things can't be checked
// from outside: whether an operation was rightly unavailable, and, where a list
// that takes from several accounts is refused whole, the balance of the account
// it was for when the words of the answer don't name that.
//
// Where to start reading: internal/torment is a whole run; internal/faults has the
// faults, internal/customers those who call, internal/check the checks. The checks
// are pure: they take a history, which is what the customers saw
// (internal/history), and evidence, which is what the branches list. internal/road
// is the network that faults disturb, internal/bank the processes.
package main
