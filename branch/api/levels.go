package api

import "log/slog"

// Levels of what a branch logs, between those of slog.
const (
	// LevelEvents is for each event of the branch: what customers ask of it and are
	// answered, what it tells its peers and is told by them.
	LevelEvents = slog.LevelInfo - 1
	// LevelCalls is for each call that it serves, and each link that comes or goes.
	LevelCalls = slog.LevelInfo - 2
)
