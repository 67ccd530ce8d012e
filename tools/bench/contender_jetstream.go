package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATS JetStream: three nodes, each with a replica of the stream, that sync
// every message. Messages carry no ids, so one sent again is a second one.

const (
	streamSubject = "deposits"
	// messageBytes is the size of a deposit with its request id.
	messageBytes = 64
	// asyncList is how many messages a caller sends before it waits for all.
	asyncList = 256
)

// natsRemedy says how to install a server that can sync every message. Debian's
// is too old for that.
const natsRemedy = "go -C tools/bench build -o nats-server github.com/nats-io/nats-server/v2, and --nats-server; make bench does that"

// natsCluster is a cluster that this program has started.
type natsCluster struct {
	nodes       []*process
	connections []*nats.Conn
	streams     []jetstream.JetStream
}

// startJetStream starts a cluster of three nodes, and creates the stream.
func (b *bench) startJetStream(ctx context.Context) (*natsCluster, error) {
	const nodes = 3
	path, err := find("nats-server", b.options.nats, natsRemedy)
	if err != nil {
		return nil, err
	}
	if b.machine.Versions["NATS"], err = output(ctx, command{name: path, path: path, args: []string{"--version"}}); err != nil {
		return nil, err
	}
	base, err := findPorts(2 * nodes)
	if err != nil {
		return nil, err
	}
	var routes []string
	for i := range nodes {
		routes = append(routes, "nats-route://"+hostPort(base+2*i+1))
	}
	c := &natsCluster{}
	for i := range nodes {
		dir := filepath.Join(b.dir, fmt.Sprintf("nats-%d", i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		config := fmt.Sprintf(`
server_name: node%d
listen: %q
jetstream { store_dir: %q, sync_interval: always }
cluster { name: bench, listen: %q, routes: [%s] }
`, i, hostPort(base+2*i), dir, hostPort(base+2*i+1), strings.Join(routes, ", "))
		file := filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
			return nil, err
		}
		p, err := b.servers.start(command{name: fmt.Sprintf("nats node%d", i), path: path, args: []string{"-c", file}, dir: dir})
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, p)
	}
	return c, c.connect(ctx, base, nodes)
}

// connect waits for the cluster and creates the stream.
func (c *natsCluster) connect(ctx context.Context, base, nodes int) error {
	for i := range nodes {
		address := hostPort(base + 2*i)
		if err := until(ctx, "wait for NATS at "+address, c.nodes, func(context.Context) error {
			n, err := nats.Connect("nats://" + address)
			if err == nil {
				c.connections = append(c.connections, n)
			}
			return err
		}); err != nil {
			return err
		}
		js, err := jetstream.New(c.connections[i], jetstream.WithPublishAsyncMaxPending(64*asyncList))
		if err != nil {
			return fmt.Errorf("JetStream at %s: %w", address, err)
		}
		c.streams = append(c.streams, js)
	}
	return until(ctx, "create a JetStream stream with three replicas", c.nodes, func(ctx context.Context) error {
		_, err := c.streams[0].CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: "bench", Subjects: []string{streamSubject}, Replicas: nodes, Storage: jetstream.FileStorage,
		})
		return err
	})
}

func (c *natsCluster) close(b *bench) error {
	for _, n := range c.connections {
		n.Close()
	}
	return b.servers.stopAll(c.nodes)
}

// oneByOne returns callers that wait for each message to be stored.
func (c *natsCluster) oneByOne(callers int) []call {
	message := make([]byte, messageBytes)
	var all []call
	for i := range callers {
		js := c.streams[i%len(c.streams)]
		all = append(all, func(ctx context.Context) (int, error) {
			_, err := js.Publish(ctx, streamSubject, message)
			return 1, err
		})
	}
	return all
}

// async returns callers that send a list of messages and then wait for all.
func (c *natsCluster) async(callers int) []call {
	message := make([]byte, messageBytes)
	var all []call
	for i := range callers {
		js := c.streams[i%len(c.streams)]
		acks := make([]jetstream.PubAckFuture, asyncList)
		all = append(all, func(ctx context.Context) (int, error) {
			for k := range acks {
				var err error
				if acks[k], err = js.PublishAsync(streamSubject, message); err != nil {
					return 0, err
				}
			}
			for _, ack := range acks {
				select {
				case <-ack.Ok():
				case err := <-ack.Err():
					return 0, err
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
			return asyncList, nil
		})
	}
	return all
}
