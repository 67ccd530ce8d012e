package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// bank is the five branches, the network between them and what the customers
// see of it.
type bank struct {
	dir      string
	passbook string
	// input is the file that names the branches.
	input    string
	ports    ports
	launcher *launcher
	network  *network
	nodes    map[uint32]*node
	history  *history
	// asking are the clients of those who wait and check.
	asking clients
	began  time.Time
	events *os.File
	// era counts the disks lost.
	era atomic.Int64
	// pause is held by whoever needs the customers to be quiet. Each of them
	// holds it for reading during a call.
	pause sync.RWMutex
	// progress is where a line for each event goes.
	progress io.Writer

	probes sync.Mutex
	// probed counts the probes.
	probed int
	// recovery is the longest time that a branch took whose disk was lost.
	recovery time.Duration
}

// openBank opens the network and the files of a bank. Nothing runs yet.
func openBank(dir, passbook string, progress io.Writer) (*bank, error) {
	b := &bank{
		dir: dir, passbook: passbook, input: filepath.Join(dir, "bank.json"), launcher: newLauncher(),
		nodes: map[uint32]*node{}, history: newHistory(), began: time.Now(), progress: progress,
	}
	if err := b.open(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bank) open() error {
	var err error
	if b.ports, err = findPorts(); err != nil {
		return err
	}
	b.asking, _ = newClients(b.ports, dialect{http2: true})
	if b.network, err = openNetwork(b.ports); err != nil {
		return err
	}
	if b.events, err = os.Create(filepath.Join(b.dir, "events.log")); err != nil {
		return err
	}
	input := "["
	for i, id := range branchIDs {
		log, err := os.Create(filepath.Join(b.dir, fmt.Sprintf("branch-%d.log", id)))
		if err != nil {
			return err
		}
		b.nodes[id] = &node{id: id, bank: b, data: filepath.Join(b.dir, fmt.Sprintf("data-%d", id)), log: log}
		if i > 0 {
			input += ",\n "
		}
		input += fmt.Sprintf(`{"id": %d, "type": "branch", "balance": %d}`, id, opening)
	}
	return os.WriteFile(b.input, []byte(input+"]\n"), 0o644)
}

// start starts all branches.
func (b *bank) start() error {
	for _, id := range branchIDs {
		if err := b.nodes[id].start(0); err != nil {
			return err
		}
	}
	return nil
}

// close kills the branches that run and closes the network.
func (b *bank) close() {
	for _, n := range b.nodes {
		_ = n.kill() // only its patience can fail, and the launcher kills the rest
		_ = n.log.Close()
	}
	b.launcher.close()
	if b.network != nil {
		b.network.close()
	}
	if b.events != nil {
		_ = b.events.Close()
	}
}

// now is the time since the bank was opened, on a clock that only goes on.
func (b *bank) now() time.Duration { return time.Since(b.began) }

func (b *bank) clock() string { return fmt.Sprintf("%9.3fs", b.now().Seconds()) }

// note writes down an event.
func (b *bank) note(format string, args ...any) {
	fmt.Fprintf(b.events, "%s %s\n", b.clock(), fmt.Sprintf(format, args...))
}

// say writes down an event and shows it.
func (b *bank) say(format string, args ...any) {
	b.note(format, args...)
	fmt.Fprintf(b.progress, "%s %s\n", b.clock(), fmt.Sprintf(format, args...))
}

// mend undoes what faults have done to network and processes.
func (b *bank) mend() error {
	b.network.heal()
	var errs []error
	for _, n := range b.nodes {
		n.thaw()
		errs = append(errs, n.ended())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.start()
}

// recovered notes how long a branch took whose disk was lost.
func (b *bank) recovered(d time.Duration) {
	b.probes.Lock()
	defer b.probes.Unlock()
	b.recovery = max(b.recovery, d)
}

func (b *bank) slowest() time.Duration {
	b.probes.Lock()
	defer b.probes.Unlock()
	return b.recovery
}
