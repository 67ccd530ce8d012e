package words

import (
	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/customer"
)

// Late reports whether an error means that no answer came in time.
func Late(err error) bool {
	call := customer.ErrorOf(err)
	return call != nil && call.Late()
}

// Reason returns the text of an error, in one line, without the code and the URL.
func Reason(err error) string {
	if call := customer.ErrorOf(err); call != nil {
		return name.Printable(call.Reason())
	}
	return name.Printable(err.Error())
}
