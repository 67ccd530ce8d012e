package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/peernet"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// The bare ping-pong is the limit of propagation: a stream with the protocol
// and the settings of a link, on which a message of a small batch's size goes out and one of an
// ack's size comes back, with nothing done in between.

// pingBytes is the size of a batch with one entry.
const pingBytes = 200

func ping() *bankv1.PropagateRequest {
	return &bankv1.PropagateRequest{Frame: &bankv1.Frame{Batches: []*bankv1.SealedBatch{{Batch: make([]byte, pingBytes)}}}}
}

func pong() *bankv1.PropagateResponse {
	return &bankv1.PropagateResponse{Frame: &bankv1.Frame{Ack: &bankv1.Ack{AppliedSequence: 1 << 20}}}
}

// pongService answers every ping on a stream.
type pongService struct {
	bankv1connect.UnimplementedPeerServiceHandler
}

// Propagate implements PeerServiceHandler.
func (pongService) Propagate(_ context.Context, stream *connect.BidiStream[bankv1.PropagateRequest, bankv1.PropagateResponse]) error {
	for {
		if _, err := stream.Receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(pong()); err != nil {
			return err
		}
	}
}

func pongHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewPeerServiceHandler(pongService{}, connect.WithCompression("gzip", nil, nil)))
	return mux
}

// pongMain is the process of a server of pongs: `bench pong ADDRESS`.
func pongMain(args []string) error { return serveBare(pongHandler(), args) }

// pinger is the near end of a stream of ping-pongs.
type pinger struct {
	stream *connect.BidiStreamForClientSimple[bankv1.PropagateRequest, bankv1.PropagateResponse]
}

func newPinger(ctx context.Context, t *http.Transport, address string) (*pinger, error) {
	client := bankv1connect.NewPeerServiceClient(&http.Client{Transport: t}, baseURL(address), connect.WithGRPC(), connect.WithAcceptCompression("gzip", nil, nil))
	stream, err := client.Propagate(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a stream to %s: %w", address, err)
	}
	p := &pinger{stream}
	return p, p.round()
}

func (p *pinger) round() error {
	if err := p.stream.Send(ping()); err != nil {
		return fmt.Errorf("send a ping: %w", err)
	}
	if _, err := p.stream.Receive(); err != nil {
		return fmt.Errorf("receive a pong: %w", err)
	}
	return nil
}

func (p *pinger) close() {
	_ = p.stream.CloseRequest() // the stream has done its work
	_ = p.stream.CloseResponse()
}

// startPong starts a server of pongs in a process of its own.
func (b *bench) startPong(ctx context.Context) (*process, *pinger, error) {
	port, err := findPorts(1)
	if err != nil {
		return nil, nil, err
	}
	p, err := b.servers.start(command{name: "pong", path: b.self, args: []string{"pong", hostPort(port)}})
	if err != nil {
		return nil, nil, err
	}
	// The transport ends with the stream.
	t := peernet.NewTCP()
	var near *pinger
	err = until(ctx, "wait for pong at "+hostPort(port), []*process{p}, func(context.Context) error {
		near, err = newPinger(ctx, t, hostPort(port)) // the stream outlives the question
		return err
	})
	return p, near, err
}

// fanReport is a process of ping-pongs' report about itself.
type fanReport struct {
	Rounds  int           `json:"rounds"`
	Elapsed time.Duration `json:"elapsed"`
	// CPU is the processor time that the process has used meanwhile.
	CPU time.Duration `json:"cpu"`
	P50 float64       `json:"p50"`
}

// fanMain is a process that has both ends of several streams, as a process with
// several branches has: `bench fan --streams N`. One goroutine sends a ping on
// each, and waits for all pongs. Each stream has a connection of its own, as one
// branch's links to different peers have. It prints its report as JSON.
func fanMain(args []string) error {
	f := flag.NewFlagSet("fan", flag.ContinueOnError)
	streams := f.Int("streams", 1, "how many")
	warm := f.Duration("warm", 0, "how long before it counts")
	duration := f.Duration("duration", time.Second, "how long it counts")
	if err := f.Parse(args); err != nil {
		return err
	}
	t := peernet.NewTCP()
	var pingers []*pinger
	for range *streams {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		go func() { _ = bareServer(pongHandler()).Serve(l) }() // ends with the process
		p, err := newPinger(context.Background(), t, l.Addr().String())
		if err != nil {
			return err
		}
		defer p.close()
		pingers = append(pingers, p)
	}
	if _, err := fan(pingers, *warm); err != nil {
		return err
	}
	before, err := ownCPUTime()
	if err != nil {
		return err
	}
	s, err := fan(pingers, *duration)
	if err != nil {
		return err
	}
	after, err := ownCPUTime()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(fanReport{s.operations, s.elapsed, after - before, s.quantile(50)})
}

// fan sends a ping on all streams and waits for all pongs, again and again.
func fan(pingers []*pinger, duration time.Duration) (*sample, error) {
	s := newSample()
	start := time.Now()
	for time.Since(start) < duration {
		began := time.Now()
		for _, p := range pingers {
			if err := p.stream.Send(ping()); err != nil {
				return nil, fmt.Errorf("send a ping: %w", err)
			}
		}
		for _, p := range pingers {
			if _, err := p.stream.Receive(); err != nil {
				return nil, fmt.Errorf("receive a pong: %w", err)
			}
		}
		s.record(1, time.Since(began))
	}
	s.elapsed = time.Since(start)
	return s, nil
}

// fanOf returns a contender: a process with a number of streams.
func (b *bench) fanOf(name string, streams int) contender {
	return contender{name, func(ctx context.Context, _ int) (reading, error) {
		out, err := output(ctx, command{name: name, path: b.self, args: []string{
			"fan", "--streams", strconv.Itoa(streams), "--warm", b.options.warm().String(), "--duration", b.options.duration.String(),
		}})
		if err != nil {
			return nil, err
		}
		var r fanReport
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			return nil, fmt.Errorf("report of %s: %w", name, err)
		}
		rounds := float64(r.Rounds)
		return reading{p50: r.P50, cpuPerOperation: r.CPU.Seconds() * 1e6 / rounds, perSecond: rounds / r.Elapsed.Seconds()}, nil
	}}
}
