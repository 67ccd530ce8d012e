// Package bank is the bank under torture: five branches that run as processes of
// their own on real disks, the network between them, and what it takes to start,
// stop and await them. It knows the roads and what it shares with the customers;
// faults break it, and the run drives it.
package bank

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"passbook.example/passbook/cmd/torture/internal/customers"
	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
)

// Bank is the five branches, the network between them and what the customers
// see of it.
type Bank struct {
	*customers.World
	// Dir is where data and logs are.
	Dir string
	// passbook is the binary.
	passbook string
	// input is the file that names the branches.
	input string
	// launcher starts the processes.
	launcher *launcher
	// Network is what the branches reach each other over.
	Network *road.Network
	// Nodes are the branches by their ids.
	Nodes map[uint32]*Node
	// Asking are the clients of those who wait and check.
	Asking customers.Clients
	// events is the file of what happened.
	events *os.File
	// progress is where a line for each event goes.
	progress io.Writer

	// probes guards what follows.
	probes sync.Mutex
	// probed counts the probes.
	probed int
	// recovery is the longest time that a branch took whose disk was lost.
	recovery time.Duration
}

// Open opens the network and the files of a bank. Nothing runs yet.
func Open(dir, passbook string, progress io.Writer) (*Bank, error) {
	ports, err := road.FindPorts()
	if err != nil {
		return nil, err
	}
	b := &Bank{
		World: customers.NewWorld(ports), Dir: dir, passbook: passbook, input: filepath.Join(dir, "bank.json"), launcher: newLauncher(),
		Nodes: map[uint32]*Node{}, progress: progress,
	}
	if err := b.open(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Bank) open() error {
	var err error
	b.Asking = customers.NewClients(b.Ports)
	if b.Network, err = road.Open(b.Ports, history.BranchIDs); err != nil {
		return err
	}
	if b.events, err = os.Create(filepath.Join(b.Dir, "events.log")); err != nil {
		return err
	}
	input := "["
	for i, id := range history.BranchIDs {
		log, err := os.Create(filepath.Join(b.Dir, fmt.Sprintf("branch-%d.log", id)))
		if err != nil {
			return err
		}
		b.Nodes[id] = &Node{ID: id, bank: b, data: filepath.Join(b.Dir, fmt.Sprintf("data-%d", id)), log: log}
		if i > 0 {
			input += ",\n "
		}
		input += fmt.Sprintf(`{"id": %d, "type": "branch", "balance": %d}`, id, history.Opening)
	}
	return os.WriteFile(b.input, []byte(input+"]\n"), 0o644)
}

// Start starts all branches.
func (b *Bank) Start() error {
	for _, id := range history.BranchIDs {
		if err := b.Nodes[id].Start(0); err != nil {
			return err
		}
	}
	return nil
}

// Close kills the branches that run and closes the network.
func (b *Bank) Close() {
	for _, n := range b.Nodes {
		_ = n.Kill() // only its patience can fail, and the launcher kills the rest
		_ = n.log.Close()
	}
	b.launcher.close()
	if b.Network != nil {
		b.Network.Close()
	}
	if b.events != nil {
		_ = b.events.Close()
	}
}

func (b *Bank) clock() string { return fmt.Sprintf("%9.3fs", b.Now().Seconds()) }

// Note writes down an event.
func (b *Bank) Note(format string, args ...any) {
	fmt.Fprintf(b.events, "%s %s\n", b.clock(), fmt.Sprintf(format, args...))
}

// Say writes down an event and shows it.
func (b *Bank) Say(format string, args ...any) {
	b.Note(format, args...)
	fmt.Fprintf(b.progress, "%s %s\n", b.clock(), fmt.Sprintf(format, args...))
}

// Mend undoes what faults have done to network and processes.
func (b *Bank) Mend() error {
	b.Network.Heal()
	var errs []error
	for _, n := range b.Nodes {
		n.Thaw()
		errs = append(errs, n.ended())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.Start()
}

// Recovered notes how long a branch took whose disk was lost.
func (b *Bank) Recovered(d time.Duration) {
	b.probes.Lock()
	defer b.probes.Unlock()
	b.recovery = max(b.recovery, d)
}

// Slowest is the longest time that a branch took whose disk was lost.
func (b *Bank) Slowest() time.Duration {
	b.probes.Lock()
	defer b.probes.Unlock()
	return b.recovery
}
