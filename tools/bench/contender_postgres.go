package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PostgreSQL: one server, one hot row, and a journal with a unique request id.
// A write is one prepared statement, and so one round trip and one transaction:
// the row lock is held no longer than the commit takes.

const postgresSchema = `
CREATE TABLE accounts (name text PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE journal (id bigserial PRIMARY KEY, request_id text NOT NULL UNIQUE, account text NOT NULL, amount bigint NOT NULL);
INSERT INTO accounts VALUES ('` + hotAccount + `', 0)`

// postgresWrite adds an amount, possibly negative, to an account, unless that
// would overdraw it, and records it.
const postgresWrite = `
WITH paid AS (
  UPDATE accounts SET balance = balance + $3 WHERE name = $2 AND balance + $3 >= 0 RETURNING balance
), written AS (
  INSERT INTO journal (request_id, account, amount) SELECT $1, $2, $3 FROM paid
)
SELECT balance FROM paid`

// postgres is a server that this program has started.
type postgres struct {
	process *process
	pool    *pgxpool.Pool
}

// fastShutdown ends a server without waiting for its clients.
const fastShutdown = syscall.SIGINT

// startPostgres initializes and starts a server that callers reach through a
// socket, with a number of connections.
func (b *bench) startPostgres(ctx context.Context, connections int) (*postgres, error) {
	h, err := b.newPostgresHome(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.init(ctx); err != nil {
		return nil, err
	}
	p, err := b.servePostgres("postgres", h, "listen_addresses=", fmt.Sprintf("max_connections=%d", connections+10))
	if err != nil {
		return nil, err
	}
	s := &postgres{process: p}
	config, err := pgxpool.ParseConfig(fmt.Sprintf("host=%s user=bench dbname=postgres pool_max_conns=%d", h.dir, connections))
	if err != nil {
		return nil, err
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := until(ctx, "wait for PostgreSQL at "+h.dir, []*process{p}, s.pool.Ping); err != nil {
		return nil, err
	}
	if _, err := s.pool.Exec(ctx, postgresSchema); err != nil {
		return nil, fmt.Errorf("create the tables in PostgreSQL: %w", err)
	}
	return s, nil
}

const (
	postgresRemedy = "apt-get install postgresql"
	// postgresDebian is where Debian has the programs of all versions.
	postgresDebian = "/usr/lib/postgresql/*/bin"
)

// postgresHome is the directory of a server, with its data and its socket.
type postgresHome struct {
	dir, data string
	// server is the binary.
	server string
	user   *syscall.Credential
}

// newPostgresHome makes a directory for a server, and notes its version.
func (b *bench) newPostgresHome(ctx context.Context) (*postgresHome, error) {
	server, err := find("postgres", b.options.postgres, postgresRemedy, postgresDebian)
	if err != nil {
		return nil, err
	}
	if b.machine.Versions["PostgreSQL"], err = output(ctx, command{name: server, path: server, args: []string{"--version"}}); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "postgres-")
	if err != nil {
		return nil, err
	}
	who, err := postgresUser(dir)
	if err != nil {
		return nil, err
	}
	return &postgresHome{dir: dir, data: filepath.Join(dir, "data"), server: server, user: who}, nil
}

// run runs a program that comes with the server.
func (h *postgresHome) run(ctx context.Context, program string, args ...string) error {
	path, err := find(program, "", postgresRemedy, filepath.Dir(h.server), postgresDebian)
	if err != nil {
		return err
	}
	_, err = output(ctx, command{name: path, path: path, dir: h.dir, user: h.user, args: args})
	return err
}

// init makes an empty database.
func (h *postgresHome) init(ctx context.Context) error {
	return h.run(ctx, "initdb", "-D", h.data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
}

// servePostgres starts a server, which syncs, with more settings.
func (b *bench) servePostgres(name string, h *postgresHome, settings ...string) (*process, error) {
	args := []string{"-D", h.data, "-k", h.dir}
	for _, s := range append([]string{"fsync=on", "synchronous_commit=on"}, settings...) {
		args = append(args, "-c", s)
	}
	return b.servers.start(command{name: name, path: h.server, dir: h.dir, user: h.user, ending: fastShutdown, args: args})
}

// postgresUser returns the user that the server runs as, because it refuses to be
// root, and gives that user the directory.
func postgresUser(home string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	if err := os.Chown(home, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *postgres) close(b *bench) error {
	s.pool.Close()
	return b.servers.stop(s.process)
}

// write adds an amount, possibly negative, to the hot row. It reports false
// when the balance does not cover it.
func (s *postgres) write(ctx context.Context, id string, amount int64) (bool, error) {
	var balance int64
	err := s.pool.QueryRow(ctx, postgresWrite, id, hotAccount, amount).Scan(&balance)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// change adds an amount, possibly negative, if the balance covers it.
func (s *postgres) change(ctx context.Context, _ int, id string, amount int64) error {
	_, err := s.write(ctx, id, amount)
	return err
}

// deposits returns callers that deposit one by one.
func (s *postgres) deposits(callers int) []call {
	var all []call
	for range callers {
		ids := newRequestIDs()
		all = append(all, func(ctx context.Context) (int, error) {
			_, err := s.write(ctx, ids.next(), 1)
			return 1, err
		})
	}
	return all
}
