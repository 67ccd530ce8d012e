package lamport

import "fmt"

// Violation is something that no right run can have made.
type Violation struct {
	// Place is where it is; no place in a trace that did not come from files.
	Place Place
	// Problem says what is wrong.
	Problem string
	// Event describes the event that it is about; empty where there is none to be made
	// out.
	Event string
	// Other is the place of the event that contradicts it, and OtherEvent describes
	// that. There may be none.
	Other      Place
	OtherEvent string
}

// String returns the violation in one line, with its place.
func (v Violation) String() string {
	text := v.headline()
	if v.Event != "" {
		text += ": " + v.Event
	}
	if v.OtherEvent != "" {
		text += "; " + v.otherLine()
	}
	return text
}

// Lines returns the violation in a few lines, of which the first has its place.
func (v Violation) Lines() []string {
	lines := []string{v.headline()}
	if v.Event != "" {
		lines = append(lines, v.Event)
	}
	if v.OtherEvent != "" {
		lines = append(lines, v.otherLine())
	}
	return lines
}

func (v Violation) headline() string {
	if !v.Place.Known() {
		return v.Problem
	}
	return fmt.Sprintf("%s: %s", v.Place, v.Problem)
}

func (v Violation) otherLine() string {
	if !v.Other.Known() {
		return v.OtherEvent
	}
	return fmt.Sprintf("%s (%s)", v.OtherEvent, v.Other)
}
