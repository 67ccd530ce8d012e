package flags

import (
	"errors"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/name"
)

// nameValue is a flag that takes the name of an account or a request id.
type nameValue string

// String implements pflag.Value.
func (n *nameValue) String() string { return string(*n) }

// Type implements pflag.Value.
func (n *nameValue) Type() string { return "name" }

// Set takes a name that a branch would take, too.
func (n *nameValue) Set(text string) error {
	if err := name.Check(text); err != nil {
		return err
	}
	*n = nameValue(text)
	return nil
}

// Name adds a flag that takes a name.
func Name(c *cobra.Command, to *string, flag, usage string) {
	c.Flags().Var((*nameValue)(to), flag, usage)
}

// tokenValue is a flag that takes a token from an earlier reply.
type tokenValue string

// String implements pflag.Value.
func (v *tokenValue) String() string { return string(*v) }

// Type implements pflag.Value.
func (v *tokenValue) Type() string { return "token" }

// Set takes any text, since only the branch knows what it means.
func (v *tokenValue) Set(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("is not UTF-8")
	}
	*v = tokenValue(text)
	return nil
}

// Token adds a flag that takes a token.
func Token(c *cobra.Command, to *string, flag, usage string) {
	c.Flags().Var((*tokenValue)(to), flag, usage)
}
