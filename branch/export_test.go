package branch

// What the tests of errors.go need to see.
var (
	ConnectError = connectError
	ErrStopping  = errStopping
	ErrStopped   = errStopped
	ErrForked    = errForked
)
