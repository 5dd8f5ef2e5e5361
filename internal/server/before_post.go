package server

import (
	"fmt"

	"chattok/beforepost"
	"chattok/session"
)

// openBeforePost returns the part that is asked before a post is stored; nil for none.
func (s *server) openBeforePost() (session.Reviewer, error) {
	if s.BeforePost.URL == "" {
		return nil, nil
	}
	hook, err := beforepost.New(beforepost.Config{URL: s.BeforePost.URL, Secrets: s.BeforePost.Secrets, Version: s.Version})
	if err != nil {
		return nil, fmt.Errorf("CHATTOK_BEFORE_POST %w", err)
	}
	s.beforePost = hook
	return hook, nil
}
