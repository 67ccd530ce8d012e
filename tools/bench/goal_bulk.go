package main

import "context"

// Bulk: lists of operations on a stream, against Redis with lists of commands.

// submitter is how a bank takes lists of operations.
type submitter interface {
	// calls returns callers, each with a stream of its own to one of the
	// addresses, in turn, that send lists of so many deposits to accounts and
	// wait until they are done. account is as in deposits.
	calls(ctx context.Context, addresses []string, callers, list int, account func(operation uint64) string) ([]call, error)
}

// submit is BranchService.Submit.
var submit submitter = lists{}

const (
	// pipelined is how many commands Redis is sent at once.
	pipelined = 64
	// list is how many operations a branch is sent at once.
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
	banks, submitting, err := b.submitting(ctx, one, three)
	if err != nil {
		return err
	}
	m, err := b.alternate(ctx, "bulk", append(contenders, submitting...)...)
	if err != nil {
		return err
	}
	note := ""
	if submit == nil {
		note = "Submit is not there yet"
	}
	compare := func(subject string, goal *bound) {
		b.tell(row{Goal: "bulk", What: what, Subject: subject, Figure: m[subject][perSecond],
			Reference: redisName, ReferenceFigure: m[redisName][perSecond], Bound: goal, Note: note})
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

// submitting starts a bank of one branch and one of three, and returns
// contenders with these names; none while there is no Submit.
func (b *bench) submitting(ctx context.Context, one, three string) ([]*bank, []contender, error) {
	if submit == nil {
		return nil, nil, nil
	}
	var banks []*bank
	var contenders []contender
	for _, s := range []bankSpec{{name: one, branches: 1}, {name: three, branches: 3}} {
		k, err := b.openBank(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		calls, err := submit.calls(ctx, k.addresses(), submitters, list, nil)
		if err != nil {
			return nil, nil, err
		}
		banks = append(banks, k)
		contenders = append(contenders, b.with(k.processes, b.throughput(s.name, calls)))
	}
	return banks, contenders, nil
}
