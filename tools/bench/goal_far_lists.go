package main

import (
	"context"
	"fmt"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// A stream of lists at the first site, beside customers at all sites who write singly:
// how long do they wait because of it?

const (
	singleWrites = "Passbook, REACHABLE, single writes"
	besideLists  = "the same, beside a stream of lists at site 1"
	// ofLists is what the stream measures.
	ofLists = "operations/s of the lists"
	// listsAhead is how many lists are on their way at once.
	listsAhead = 4
)

// listsLast is about how long the part takes at one distance.
func listsLast(o *options) time.Duration {
	return time.Duration(2*o.runs) * (o.warm() + o.duration)
}

func (s *farSet) lists(ctx context.Context) error {
	calls, err := lists{
		addresses: s.bank.addresses(1), streams: 1, size: list, ahead: listsAhead,
		account: func(uint64) string { return "lists" }, acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE,
	}.calls(ctx)
	if err != nil {
		return err
	}
	stream := s.b.throughput("a stream of lists", calls)
	single := s.b.eachSite(singleWrites, s.callers(farCallers, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, mostlyAtHome))
	m, err := s.b.alternate(ctx, s.titled("a stream of lists"), single, contender{besideLists, func(ctx context.Context, round int) (reading, error) {
		r, of, err := beside(ctx, round, single, stream)
		if err == nil {
			r[ofLists] = of[perSecond]
		}
		return r, err
	}})
	if err != nil {
		return err
	}
	s.tellLists(m)
	_, err = s.bank.settled(ctx)
	return err
}

func (s *farSet) tellLists(m map[string]measures) {
	for site := range sites {
		for _, q := range []string{p50, p99} {
			s.tell(row{What: at(q, site) + ", beside a stream of lists", Subject: singleWrites, Figure: m[besideLists][at(q, site)],
				Reference: "no lists", ReferenceFigure: m[singleWrites][at(q, site)]})
		}
	}
	s.tell(row{What: perSecond + ", beside a stream of lists", Subject: singleWrites, Figure: m[besideLists][perSecond],
		Reference: "no lists", ReferenceFigure: m[singleWrites][perSecond]})
	s.tell(row{What: fmt.Sprintf("%s, in lists of %s, %d ahead", perSecond, number(list), listsAhead),
		Subject: "Passbook, REACHABLE, a stream of lists", Figure: m[besideLists][ofLists]})
}
