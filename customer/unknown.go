package customer

import "fmt"

// UnknownBranches names the branches that the file does not have and that events
// go to, each with the first of these: they will fail. The branches are in the
// order of their events.
func (in *Input) UnknownBranches() []string {
	type unknown struct {
		branch       int64
		line, events int
	}
	known := make(map[int64]bool)
	for _, b := range in.Branches {
		known[int64(b.ID)] = true
	}
	var found []unknown
	places := make(map[int64]int) // in found
	for _, c := range in.Customers {
		for i := range c.Events {
			e := &c.Events[i]
			if known[e.Branch] {
				continue
			}
			place, ok := places[e.Branch]
			if !ok {
				place = len(found)
				places[e.Branch] = place
				found = append(found, unknown{branch: e.Branch, line: e.Line})
			}
			found[place].events++
		}
	}
	texts := make([]string, len(found))
	for i, u := range found {
		fate := "its event fails by name"
		if u.events > 1 {
			fate = fmt.Sprintf("its %d events fail by name", u.events)
		}
		texts[i] = fmt.Sprintf("%s:%d: branch %d is not in the file: %s", in.Name, u.line, u.branch, fate)
	}
	return texts
}
