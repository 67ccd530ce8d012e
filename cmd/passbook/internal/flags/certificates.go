package flags

import (
	"os"

	"github.com/spf13/cobra"

	"passbook.example/passbook/branch/identity"
)

// DefaultCertsDir is where 'passbook cert' makes certificates unless somebody says where.
const DefaultCertsDir = "./passbook-certs"

// MakeCertsDir adds --certs-dir to commands that make certificates, and to those below.
func MakeCertsDir(c *cobra.Command, dir *string) {
	usual := os.Getenv(CertsDirVariable)
	if usual == "" {
		usual = DefaultCertsDir
	}
	c.PersistentFlags().StringVar(dir, "certs-dir", usual, "the `directory` of certificates ("+CertsDirVariable+")")
}

// Role adds --role.
func Role(c *cobra.Command, role *identity.Role, usage string) {
	f := &choice[identity.Role]{value: role, words: identity.Roles(), word: role.String()}
	for r := identity.Customer; r <= identity.Operator; r++ {
		f.mean = append(f.mean, r)
	}
	f.add(c, "role", usage)
}
