package files

import (
	"errors"
	"io"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/answers"
	"passbook.example/passbook/customer/lamport"
)

// ReadTrace reads the trace that is in some files. The user can mend all its errors.
func ReadTrace(names []string) (*lamport.Trace, error) {
	var read []lamport.File
	for _, name := range names {
		data, err := readFile(name, lamport.MaxFileBytes)
		if err != nil {
			return nil, err
		}
		read = append(read, lamport.File{Name: name, Data: data})
	}
	trace, err := lamport.Read(read...)
	if err != nil {
		return nil, exit.Usage(err)
	}
	return trace, nil
}

// ReadTraceInput reads the input that a trace came of. The user can mend all its errors.
func ReadTraceInput(name string) (*lamport.Input, error) {
	data, err := readFile(name, lamport.MaxFileBytes)
	if err != nil {
		return nil, err
	}
	in, err := lamport.ReadInput(lamport.File{Name: name, Data: data})
	if err != nil {
		return nil, exit.Usage(err)
	}
	return in, nil
}

// readFile reads a file up to one byte more than it may have.
func readFile(name string, most int64) ([]byte, error) {
	f, err := openInput(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, exit.Usage(err)
	}
	return data, nil
}

// ReadAnswers reads an input and the output that is to be checked against it.
func ReadAnswers(input, output string) (in, out answers.File, err error) {
	in, out = answers.File{Name: input}, answers.File{Name: output}
	if in.Data, err = readFile(input, customer.MaxInputBytes); err != nil {
		return in, out, err
	}
	out.Data, err = readFile(output, answers.MaxOutputBytes)
	return in, out, err
}
