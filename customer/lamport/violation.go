package lamport

// Violation is something that no right run can have made.
type Violation struct {
	// Place is where it is; no place in a trace that did not come from files.
	Place Place
	// Problem says what is wrong, with the events that it is about.
	Problem string
	// Other is the place of the second event, if there is one.
	Other Place
}

// String returns the violation in one line, with its place.
func (v Violation) String() string {
	text := v.Problem
	if v.Place.Known() {
		text = v.Place.String() + ": " + text
	}
	if v.Other.Known() {
		text += " (see " + v.Other.String() + ")"
	}
	return text
}
