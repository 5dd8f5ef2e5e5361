package token_test

import (
	"context"
	"fmt"
	"time"

	"chattok/session"
	"chattok/token"
)

// A backend that knows the API secret admits people to sessions by tokens of its own.
func ExampleTokens_MintSession() {
	now := func() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }
	tokens, err := token.New([]byte("a secret of at least thirty-two bytes"), now)
	if err != nil {
		fmt.Println(err)
		return
	}
	name := "Ann"
	raw, err := tokens.MintSession(session.SessionGrant{SessionID: "standup", Role: session.RoleModerator, Data: &name,
		ExpiresAt: now().Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	grant, err := tokens.Session(context.Background(), raw)
	fmt.Println(grant.SessionID, grant.Role, *grant.Data, grant.ExpiresAt.Format(time.TimeOnly), err)
	// Output: standup MODERATOR Ann 13:00:00 <nil>
}

// An access token is no session token: each is good for its own purpose alone.
func ExampleTokens_Session() {
	tokens, err := token.New([]byte("a secret of at least thirty-two bytes"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	access, err := tokens.MintAccess(session.AccessGrant{SessionID: "standup", ConnectionID: "c1", Role: session.RolePublisher,
		ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = tokens.Session(context.Background(), access)
	fmt.Println(session.CodeOf(err))
	// Output: UNAUTHENTICATED
}
