package webhook

// Stats are figures of the webhooks that a node sends to; zero where it does not hold the lease.
type Stats struct {
	Webhooks int
	Failing  int   // of them, those whose last request failed
	Lag      int64 // places of the feed that the webhook furthest behind has not taken yet
}

// Stats returns the present figures.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Webhooks: len(s.workers)}
	for _, w := range s.workers {
		if w.failed.Load() {
			st.Failing++
		}
		st.Lag = max(st.Lag, w.newest.Load()-w.at.Load())
	}
	return st
}
