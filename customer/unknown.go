package customer

import "fmt"

// maxUnknown is how many branches that a file does not have are named.
const maxUnknown = 100

// UnknownBranches names the branches that the file does not have and that events
// go to, each with the first of these: they will fail. The branches are in the
// order of their events; a last text counts the events of those that are not named.
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
	more := 0
	for _, c := range in.Customers {
		for i := range c.Events {
			e := &c.Events[i]
			if known[e.Branch] {
				continue
			}
			place, ok := places[e.Branch]
			if !ok && len(found) == maxUnknown {
				more++
				continue
			}
			if !ok {
				place = len(found)
				places[e.Branch] = place
				found = append(found, unknown{branch: e.Branch, line: e.Line})
			}
			found[place].events++
		}
	}
	texts := make([]string, 0, len(found)+1)
	for _, u := range found {
		fate := "its event fails by name"
		if u.events > 1 {
			fate = fmt.Sprintf("its %d events fail by name", u.events)
		}
		texts = append(texts, fmt.Sprintf("%s:%d: branch %d is not in the file: %s", in.Name, u.line, u.branch, fate))
	}
	if more > 0 {
		texts = append(texts, fmt.Sprintf("%s: %d more events go to further branches that are not in the file, and fail by name", in.Name, more))
	}
	return texts
}
