package web_test

import (
	"encoding/json"
	"fmt"
)

// lamportHistory is a process of a trace as the course's files have it.
type lamportHistory struct {
	ID     int            `json:"id"`
	Type   string         `json:"type"`
	Events []lamportEvent `json:"events"`
}

// lamportEvent is an event of such a process.
type lamportEvent struct {
	Request   int    `json:"customer-request-id"`
	Clock     int    `json:"logical_clock"`
	Interface string `json:"interface"`
	Comment   string `json:"comment"`
}

// tick adds an event after a message with a clock, and returns the clock after it.
func (h *lamportHistory) tick(e lamportEvent, message int) int {
	if n := len(h.Events); n > 0 {
		message = max(message, h.Events[n-1].Clock)
	}
	e.Clock = message + 1
	h.Events = append(h.Events, e)
	return e.Clock
}

// sequentialTrace returns a trace, without its part 3, of a bank whose customers deposit
// one after the other, each at its branch.
func sequentialTrace(branches, requests int) []byte {
	all := make([]lamportHistory, 2*branches) // customers, and then branches
	for i := range branches {
		all[i] = lamportHistory{ID: i + 1, Type: "customer"}
		all[branches+i] = lamportHistory{ID: i + 1, Type: "branch"}
	}
	for r := range requests {
		home := r % branches
		customer, branch := &all[home], &all[branches+home]
		sent := customer.tick(lamportEvent{r + 1, 0, "deposit", fmt.Sprintf("event_sent from customer %d", home+1)}, 0)
		branch.tick(lamportEvent{r + 1, 0, "deposit", fmt.Sprintf("event_recv from customer %d", home+1)}, sent)
		for peer := range branches {
			if peer != home {
				sent = branch.tick(lamportEvent{r + 1, 0, "propogate_deposit", fmt.Sprintf("event_sent to branch %d", peer+1)}, 0)
				all[branches+peer].tick(lamportEvent{r + 1, 0, "propogate_deposit", fmt.Sprintf("event_recv from branch %d", home+1)}, sent)
			}
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return data
}
