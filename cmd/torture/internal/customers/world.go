package customers

import (
	"sync"
	"sync/atomic"
	"time"

	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
)

// World is what the customers share with those who disturb and who check them.
type World struct {
	// History is what the customers saw.
	History *history.History
	// Ports are where the branches listen.
	Ports road.Ports
	// Quiet is held by whoever needs the customers to be quiet. Each of them holds
	// it for reading during a call.
	Quiet sync.RWMutex
	// Era counts the disks lost.
	Era atomic.Int64
	// began is when the bank was opened.
	began time.Time
}

// NewWorld returns the world of a bank that begins now.
func NewWorld(p road.Ports) *World {
	return &World{History: history.New(), Ports: p, began: time.Now()}
}

// Now is the time since the bank was opened, on a clock that only goes on.
func (w *World) Now() time.Duration { return time.Since(w.began) }
