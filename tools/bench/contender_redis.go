package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// Redis: INCRBY of one key, on one server that syncs its log before it answers.
// It is not replicated, and an increment is not idempotent.
//
// The callers speak its own protocol, without a driver, which shows it at its
// best: a list of commands is one write of bytes made beforehand, and a reply is
// one line to check.

// redis is a server that this program has started.
type redis struct {
	process     *process
	address     string
	connections []net.Conn
}

// startRedis starts a server.
func (b *bench) startRedis(ctx context.Context) (*redis, error) {
	path, err := find("redis-server", b.options.redis, "apt-get install redis-server")
	if err != nil {
		return nil, err
	}
	if b.machine.Versions["Redis"], err = output(ctx, command{name: path, path: path, args: []string{"--version"}}); err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "redis")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	port, err := findPorts(1)
	if err != nil {
		return nil, err
	}
	p, err := b.servers.start(command{name: "redis", path: path, dir: dir, args: []string{
		"--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", dir,
		"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--save", "",
	}})
	if err != nil {
		return nil, err
	}
	r := &redis{process: p, address: hostPort(port)}
	return r, until(ctx, "wait for Redis at "+r.address, []*process{p}, func(ctx context.Context) error {
		calls, err := r.calls(1, 1)
		if err == nil {
			_, err = calls[0](ctx)
		}
		return err
	})
}

func (r *redis) close(b *bench) error {
	for _, c := range r.connections {
		_ = c.Close() // nothing is on its way
	}
	return b.servers.stop(r.process)
}

// calls returns callers with a connection each that send a number of increments
// at once and wait for all replies.
func (r *redis) calls(callers, pipelined int) ([]call, error) {
	const increment = "*3\r\n$6\r\nINCRBY\r\n$3\r\nhot\r\n$1\r\n1\r\n"
	list := bytes.Repeat([]byte(increment), pipelined)
	var all []call
	for range callers {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			return nil, err
		}
		r.connections = append(r.connections, c)
		replies := bufio.NewReaderSize(c, 16<<10)
		all = append(all, func(context.Context) (int, error) {
			if _, err := c.Write(list); err != nil {
				return 0, fmt.Errorf("INCRBY: %w", err)
			}
			for range pipelined {
				line, err := replies.ReadSlice('\n')
				if err != nil {
					return 0, fmt.Errorf("reply to INCRBY: %w", err)
				}
				if line[0] != ':' {
					return 0, errors.New("INCRBY: " + string(bytes.TrimSpace(line)))
				}
			}
			return pipelined, nil
		})
	}
	return all, nil
}
