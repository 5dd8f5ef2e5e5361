package session

import (
	"context"
	"math"
)

// MaxNegotiationBytes bounds the text of one negotiation, in bytes of UTF-8.
const MaxNegotiationBytes = 64 << 10

// SDPType is an RTCSdpType.
type SDPType string

const (
	SDPOffer    SDPType = "offer"
	SDPPranswer SDPType = "pranswer"
	SDPAnswer   SDPType = "answer"
	SDPRollback SDPType = "rollback"
)

// Valid says whether t is one of the types.
func (t SDPType) Valid() bool {
	return t == SDPOffer || t == SDPPranswer || t == SDPAnswer || t == SDPRollback
}

// Negotiation is what one end of an RTCPeerConnection tells the other about a stream. It is not stored.
type Negotiation struct {
	StreamID         string
	FromConnectionID string
	To               string
	Description      *SessionDescription // nil where there is a Candidate
	Candidate        *ICECandidate       // nil where there is a Description
	Missed           int                 // how many negotiations this reader lost directly before this one
}

// SessionDescription is an RTCSessionDescription.
type SessionDescription struct {
	Type SDPType
	SDP  string
}

// ICECandidate is an RTCIceCandidate.
type ICECandidate struct {
	Candidate        string // empty where there are no more
	SDPMid           *string
	SDPMLineIndex    *int
	UsernameFragment *string
}

// Validate checks the limits. Errors: BAD_USER_INPUT.
func (n Negotiation) Validate() error {
	switch {
	case n.Description != nil && n.Candidate != nil:
		return Errorf(CodeBadUserInput, "description and candidate can't be given at once; send one after the other")
	case n.Description != nil:
		if !n.Description.Type.Valid() {
			return Errorf(CodeBadUserInput, "description.type must be offer, pranswer, answer or rollback")
		}
		return validText("description.sdp", n.Description.SDP, MaxNegotiationBytes)
	case n.Candidate != nil:
		return n.Candidate.validate()
	}
	return Errorf(CodeBadUserInput, "description or candidate is needed")
}

func (c ICECandidate) validate() error {
	size := len(c.Candidate)
	for _, text := range []struct {
		argument string
		value    *string
	}{{"candidate.candidate", &c.Candidate}, {"candidate.sdpMid", c.SDPMid}, {"candidate.usernameFragment", c.UsernameFragment}} {
		if text.value == nil {
			continue
		}
		if err := validText(text.argument, *text.value, MaxNegotiationBytes); err != nil {
			return err
		}
		if text.value != &c.Candidate {
			size += len(*text.value)
		}
	}
	if size > MaxNegotiationBytes {
		return Errorf(CodeBadUserInput, "candidate must be at most %d bytes in all, but is %d", MaxNegotiationBytes, size)
	}
	if i := c.SDPMLineIndex; i != nil && (*i < 0 || *i > math.MaxUint16) {
		return Errorf(CodeBadUserInput, "candidate.sdpMLineIndex must be 0 to %d, but is %d", math.MaxUint16, *i)
	}
	return nil
}

func (n *Negotiation) bytes() int {
	size := 256
	if n.Description != nil {
		size += len(n.Description.SDP)
	}
	if c := n.Candidate; c != nil {
		size += len(c.Candidate)
		for _, text := range []*string{c.SDPMid, c.UsernameFragment} {
			if text != nil {
				size += len(*text)
			}
		}
	}
	return size
}

func (n *Negotiation) afterMissing(count int) *Negotiation {
	marked := *n
	marked.Missed = count
	return &marked
}

// Negotiate sends a description or a candidate from the caller to a connection of its session, and returns it; one of
// the two must be the stream's publisher. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) Negotiate(ctx context.Context, c Caller, n Negotiation) (*Negotiation, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	n.FromConnectionID = c.Connection.ID
	if err := n.Validate(); err != nil {
		return nil, err
	}
	stream, err := s.streamInSession(ctx, n.StreamID, c.SessionID)
	if err != nil {
		return nil, err
	}
	publisher := stream.Connection.ID
	switch {
	case n.FromConnectionID != publisher && n.To != publisher:
		return nil, Errorf(CodeForbidden, "to must be the stream's publisher, since you are not")
	case n.FromConnectionID == n.To:
		return nil, Errorf(CodeBadUserInput, "to must be another connection than your own")
	}
	if err := s.liveInSession(ctx, "to", n.To, c.SessionID); err != nil {
		return nil, err
	}
	if err := s.send(ctx, c.SessionID, &n.To, Message{SessionID: c.SessionID, Negotiation: &n}); err != nil {
		return nil, err
	}
	s.metrics.NegotiationSent()
	return &n, nil
}
