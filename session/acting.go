package session

// MaxBotNameBytes bounds the name of a bot as which the holder of the API secret acts.
const MaxBotNameBytes = 128

// ActAs names somebody as whom the holder of the API secret acts in a session: a bot of its naming, or a user. Nil is absent.
type ActAs struct {
	Name   *string
	UserID *string
	Data   *string
}

// ServiceActor is somebody as whom the server acts in a session, for the holder of the API secret. It has one connection in the
// session, its service connection. The zero ServiceActor is the server itself.
type ServiceActor struct {
	Name   string  // of a bot; empty where it is none
	UserID *string // nil where it is no user
	// Data is the connection's from now on. Nil leaves it as it is stored; the first time it is then the name of a bot, and of a user
	// that of its newest connection in the session.
	Data *string
}

// actor applies the rules. Errors: BAD_USER_INPUT.
func (a ActAs) actor() (ServiceActor, error) {
	actor := ServiceActor{UserID: a.UserID, Data: a.Data}
	switch {
	case (a.Name == nil) == (a.UserID == nil):
		return actor, Errorf(CodeBadUserInput, "as must have one of name and userId, and not both")
	case a.UserID != nil && !ValidUserID(*a.UserID):
		return actor, invalidUserID("as.userId")
	case a.Name != nil:
		if *a.Name == "" {
			return actor, Errorf(CodeBadUserInput, "as.name must be 1 to %d bytes, but is empty", MaxBotNameBytes)
		}
		if err := validText("as.name", *a.Name, MaxBotNameBytes); err != nil {
			return actor, err
		}
		actor.Name = *a.Name
	}
	if a.Data == nil {
		return actor, nil
	}
	return actor, validText("as.data", *a.Data, MaxDataBytes)
}
