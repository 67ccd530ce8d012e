package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PostgreSQL far apart: the primary at the first site, and one synchronous standby at
// the second one, which has to sync a write before the primary answers. Callers of the
// first site reach the primary by its socket, the others through roads.

const (
	// postgresStandby is what the standby calls itself.
	postgresStandby = "second_site"
	// postgresChange names the prepared statement.
	postgresChange = "change"
)

// farPostgres is such a pair of servers.
type farPostgres struct {
	servers []*process
	// pools are the connections of the callers at each site.
	pools [sites]*pgxpool.Pool
}

// startFarPostgres starts the servers, with a balance on each account.
func (b *bench) startFarPostgres(ctx context.Context, r *roads, accounts []string, balance int64) (*farPeer, error) {
	h, err := b.newPostgresHome(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.init(ctx); err != nil {
		return nil, err
	}
	port, err := findPorts(1)
	if err != nil {
		return nil, err
	}
	s := &farPostgres{}
	if err := b.startFarPrimary(ctx, s, h, port, accounts, balance); err != nil {
		return nil, err
	}
	if err := b.startFarStandby(ctx, s, r, port); err != nil {
		return nil, err
	}
	for site := range sites {
		if s.pools[site], err = farPool(ctx, r, site, h.dir, port); err != nil {
			return nil, fmt.Errorf("connect to PostgreSQL from site %d: %w", site+1, err)
		}
	}
	if err := s.requireStandby(ctx); err != nil {
		return nil, err
	}
	return &farPeer{name: "PostgreSQL, synchronous standby", change: s.change, check: s.check, close: s.close, colour: slate}, nil
}

// postgresSettings are those of both servers: a standby must allow as many connections
// as its primary.
func postgresSettings() string { return fmt.Sprintf("max_connections=%d", sites*farCallers+10) }

// startFarPrimary starts the primary, which waits for no standby yet, and makes the tables.
func (b *bench) startFarPrimary(ctx context.Context, s *farPostgres, h *postgresHome, port int, accounts []string, balance int64) error {
	p, err := b.servePostgres("postgres far primary", h, postgresSettings(), "listen_addresses=127.0.0.1", fmt.Sprintf("port=%d", port))
	if err != nil {
		return err
	}
	s.servers = append(s.servers, p)
	var c *pgx.Conn
	if err := until(ctx, "wait for PostgreSQL at "+h.dir, s.servers, func(ctx context.Context) (err error) {
		c, err = pgx.Connect(ctx, postgresAddress(h.dir, port))
		return err
	}); err != nil {
		return err
	}
	if _, err = c.Exec(ctx, postgresSchema); err == nil {
		_, err = c.Exec(ctx, `INSERT INTO accounts SELECT unnest($1::text[]), $2
			ON CONFLICT (name) DO UPDATE SET balance = EXCLUDED.balance`, accounts, balance)
	}
	if err != nil {
		err = fmt.Errorf("create the tables in PostgreSQL: %w", err)
	}
	return errors.Join(err, c.Close(ctx))
}

// postgresAddress is how a server is reached, by a host or by the directory of its socket.
func postgresAddress(host string, port int) string {
	return fmt.Sprintf("host=%s port=%d user=bench dbname=postgres sslmode=disable", host, port)
}

// startFarStandby copies the primary through a road, and starts the copy.
func (b *bench) startFarStandby(ctx context.Context, s *farPostgres, r *roads, port int) error {
	h, err := b.newPostgresHome(ctx)
	if err != nil {
		return err
	}
	at, err := r.lead(1, 0, hostPort(port))
	if err != nil {
		return err
	}
	host, road, err := net.SplitHostPort(at)
	if err != nil {
		return err
	}
	from := fmt.Sprintf("host=%s port=%s user=bench sslmode=disable application_name=%s", host, road, postgresStandby)
	if err := h.run(ctx, "pg_basebackup", "-D", h.data, "-d", from, "-X", "stream", "-c", "fast", "-R"); err != nil {
		return err
	}
	p, err := b.servePostgres("postgres far standby", h, postgresSettings(), "listen_addresses=")
	if err != nil {
		return err
	}
	s.servers = append(s.servers, p)
	return nil
}

// farPool returns a connection for each caller at a site, all open and with their
// statement prepared: what that costs far away is not what is measured.
func farPool(ctx context.Context, r *roads, site int, socket string, port int) (*pgxpool.Pool, error) {
	host := socket
	if site > 0 {
		at, err := r.lead(site, 0, hostPort(port))
		if err != nil {
			return nil, err
		}
		var road string
		if host, road, err = net.SplitHostPort(at); err != nil {
			return nil, err
		}
		if port, err = strconv.Atoi(road); err != nil {
			return nil, err
		}
	}
	config, err := pgxpool.ParseConfig(postgresAddress(host, port))
	if err != nil {
		return nil, err
	}
	config.MaxConns = farCallers
	// A ping before a statement would cost a caller another round trip.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Prepare(ctx, postgresChange, postgresWrite)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return pool, openAll(ctx, pool)
}

// openAll opens all connections of a pool.
func openAll(ctx context.Context, pool *pgxpool.Pool) error {
	for range pool.Config().MaxConns {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
	}
	return nil
}

// requireStandby has the primary wait for the standby from now on.
func (s *farPostgres) requireStandby(ctx context.Context) error {
	for _, statement := range []string{
		"ALTER SYSTEM SET synchronous_standby_names = '" + postgresStandby + "'",
		"SELECT pg_reload_conf()",
	} {
		if _, err := s.pools[0].Exec(ctx, statement); err != nil {
			return fmt.Errorf("require PostgreSQL's standby: %w", err)
		}
	}
	return until(ctx, "wait for PostgreSQL's standby", s.servers, s.check)
}

// check returns an error unless the primary has its synchronous standby.
func (s *farPostgres) check(ctx context.Context) error {
	const question = "SELECT count(*) FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming' AND sync_state = 'sync'"
	var standbys int
	if err := s.pools[0].QueryRow(ctx, question, postgresStandby).Scan(&standbys); err != nil {
		return fmt.Errorf("ask PostgreSQL for its standby: %w", err)
	}
	if standbys != 1 {
		return fmt.Errorf("PostgreSQL has %d synchronous standbys and not 1", standbys)
	}
	return nil
}

// change is that of the peer.
func (s *farPostgres) change(ctx context.Context, site, _ int, id, account string, amount int64) (bool, error) {
	var balance int64
	err := s.pools[site].QueryRow(ctx, postgresChange, id, account, amount).Scan(&balance)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// close stops the standby first: a primary that stops waits for it.
func (s *farPostgres) close(b *bench) error {
	for _, p := range s.pools {
		p.Close()
	}
	return b.servers.stopAll(s.servers)
}
