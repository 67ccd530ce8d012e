package main

import "context"

// Bulk: lists of operations on a stream, against Redis with lists of commands.

const (
	// pipelined is how many commands are sent to Redis at once.
	pipelined = 64
	// list is how many operations are sent to a branch at once.
	list = 8192
	// submitters is how many streams send lists.
	submitters = 4
)

func (b *bench) bulk(ctx context.Context) error {
	const redisName, one, three = "Redis, lists of 64", "Passbook, 1 branch", "Passbook, 3 branches"
	const what = "operations/s"
	var contenders []contender
	r, err := b.startRedis(ctx)
	switch {
	case b.absent(err):
	case err != nil:
		return err
	default:
		calls, err := r.calls(callers, pipelined)
		if err != nil {
			return err
		}
		contenders = append(contenders, b.with([]*process{r.process}, b.throughput(redisName, calls)))
	}
	var banks []*bank
	for _, s := range []bankSpec{{name: one, branches: 1}, {name: three, branches: 3}} {
		k, err := b.openBank(ctx, s)
		if err != nil {
			return err
		}
		calls, err := lists{addresses: k.addresses(), streams: submitters, size: list, ahead: 1}.calls(ctx)
		if err != nil {
			return err
		}
		banks = append(banks, k)
		contenders = append(contenders, b.with(k.processes, b.throughput(s.name, calls)))
	}
	m, err := b.alternate(ctx, "bulk", contenders...)
	if err != nil {
		return err
	}
	compare := func(subject string, goal *bound) {
		b.tell(row{Goal: "bulk", What: what, Subject: subject, Figure: m[subject][perSecond],
			Reference: redisName, ReferenceFigure: m[redisName][perSecond], Bound: goal})
	}
	compare(one, atLeast(1))
	compare(three, atLeast(0.5))
	for _, k := range banks {
		if err := k.close(); err != nil {
			return err
		}
	}
	if r == nil {
		return nil
	}
	return r.close(b)
}
