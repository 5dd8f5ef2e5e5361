package graph

// Charged says whether a mutation is charged by number.
func Charged(mutation string) bool { return len(charges[mutation]) > 0 }
