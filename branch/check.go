package branch

import (
	"fmt"

	"passbook.example/passbook/branch/browser"
	"passbook.example/passbook/branch/journal"
)

// Check returns what Open would refuse the branch for, as far as that can be told
// without a change of anything: a Config that makes no sense, and a data directory
// that belongs to another branch or bank, is held by another process, or is
// damaged where that shows at once. Its errors are those of Open.
func Check(cfg Config) error {
	cfg = cfg.withDefaults()
	id, err := cfg.check()
	if err != nil {
		return err
	}
	if err := journal.Check(cfg.Dir, id, nil); err != nil {
		return fmt.Errorf("branch %d: %w", cfg.ID, err)
	}
	return nil
}

// check returns what the data directory must belong to, its branches ascending,
// unless something else is wrong with the Config.
func (c *Config) check() (journal.Identity, error) {
	if _, ok := c.Addresses[c.ID]; !ok {
		return journal.Identity{}, fmt.Errorf("branch %d is not among the branches of the bank", c.ID)
	}
	if c.PeerListener != nil && c.Security == nil {
		return journal.Identity{}, fmt.Errorf("branch %d has a port for its peers alone, and no certificates to know them by: it needs Security", c.ID)
	}
	browsers := c.browsers()
	if err := browsers.Check(); err != nil {
		return journal.Identity{}, fmt.Errorf("branch %d: %w", c.ID, err)
	}
	id, err := c.identity()
	if err != nil {
		return id, fmt.Errorf("branch %d: %w", c.ID, err)
	}
	return id, nil
}

// browsers returns who may call the branch from a browser.
func (c *Config) browsers() browser.Config {
	return browser.Config{ID: c.ID, Addresses: c.Addresses, AllowedHosts: c.AllowedHosts, AllowedOrigins: c.AllowedOrigins}
}
