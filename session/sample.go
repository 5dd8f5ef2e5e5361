package session

import "time"

// SampleInterval is the time between two samples, and MaxSamples is how many are kept: those of an hour.
const (
	SampleInterval = 10 * time.Second
	MaxSamples     = 360
)

// Sample is what a node measured of itself over one SampleInterval, or at its end.
type Sample struct {
	At                  time.Time // its end
	Sockets             int
	HTTPStreams         int
	Subscriptions       int
	Connections         int // that have a socket on the node
	CommitsPerSecond    float64
	EntriesPerSecond    float64
	DeliveriesPerSecond float64
	CommitMs            *float64 // the mean; nil where nothing was committed
	SlowestCommitMs     *float64
	WaitingEntries      int
	MemoryBytes         float64
	Goroutines          int
	DatabaseBytes       *float64 // nil where the database did not say
}

// Samples are the samples of one node, oldest first.
type Samples struct {
	NodeID   string
	Interval int // seconds
	Samples  []*Sample
}
