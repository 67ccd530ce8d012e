package simulation

// Shrink returns a failing run's options with the fewest steps that a
// bisection finds to fail, and that failure. run is Run. When the options do
// not fail the error is nil.
func Shrink(o Options, run func(Options) (*Report, error)) (Options, error) {
	_, failure := run(o)
	if failure == nil {
		return o, nil
	}
	for passes := 0; passes < o.Steps; {
		try := o
		try.Steps = (passes + o.Steps) / 2
		if _, err := run(try); err != nil {
			o, failure = try, err
		} else {
			passes = try.Steps + 1
		}
	}
	return o, failure
}
