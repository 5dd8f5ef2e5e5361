package bus

// Stats count the messages of a bus between nodes since it was opened.
type Stats struct {
	Published int64 // messages handed to other nodes
	Received  int64 // messages of other nodes
	Refused   int64 // messages that could not be handed to other nodes
	Lost      int64 // times that messages of other nodes may have been lost
}
