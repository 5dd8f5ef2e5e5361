package server

import (
	"context"
	"fmt"

	"chattok/graph"
	"chattok/internal/config"
	"chattok/opentok"
	"chattok/token"
	"chattok/token/jwks"
)

// openTokens returns the tokens, under the secrets and, where the settings name public keys, under those, which are read until close.
func (s *server) openTokens(secrets config.Secrets) (*token.Tokens, error) {
	c := token.Config{Secret: secrets.Present, Old: secrets.Old, Issuer: s.TokenKeys.Issuer}
	if len(secrets.Old) > 0 {
		s.Log.Info("older API secrets count beside the present one", "secrets", len(secrets.Old))
	}
	if s.TokenKeys.Source != "" {
		keys, err := jwks.New(jwks.Config{Source: s.TokenKeys.Source, Log: s.Log})
		if err != nil {
			return nil, fmt.Errorf("CHATTOK_TOKEN_KEYS: %w", err)
		}
		s.follow(keys)
		c.Keys = keys
	}
	return token.NewTokens(c)
}

// follow keeps public keys up to date until endKeys.
func (s *server) follow(keys *jwks.Set) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		keys.Run(ctx)
	}()
	s.endKeys = func() {
		cancel()
		<-done
	}
}

// libraryTokens returns the tokens of OpenTok's server libraries; nil where the server has no API key.
func (s *server) libraryTokens(secrets config.Secrets) (*opentok.Tokens, error) {
	if s.APIKey == "" {
		return nil, nil
	}
	tokens, err := opentok.NewTokens(s.APIKey, secrets.All(), nil)
	if err != nil {
		return nil, fmt.Errorf("CHATTOK_API_KEY: %w", err)
	}
	return tokens, nil
}

// otherTokens are the tokens that connect takes beside ChatTok's own; nil for none.
func otherTokens(libraries *opentok.Tokens) graph.SessionTokens {
	if libraries == nil {
		return nil
	}
	return libraries
}
