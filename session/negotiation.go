package session

import "math"

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

// Negotiation is a message about a stream from one end of an RTCPeerConnection to the other. It is not stored.
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
