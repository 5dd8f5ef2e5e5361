// Package client speaks to a server's API as the holder of the API secret: operations over HTTP, and subscriptions as Server-Sent
// Events, which are taken up after their last cursor when a connection is lost.
//
// Reading order: client.go, follow.go, events.go, errors.go.
package client
