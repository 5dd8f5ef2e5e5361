// Package sequence delivers numbered sequences of events to any number of readers, each at its own pace.
//
// A reader holds no queue: it is a position in the sequence. A Window keeps the newest events, and wakes its readers when
// there are more; a reader takes all events after its position. A reader that is slow costs the others nothing. Once the
// events after its position have left the Window, it reads them from the past (Chunks), or is told how many it missed,
// where there is no past to read.
//
// A Follower is one reader's right to follow a Source, such as a Window: where it begins, which events it may see, and how it
// goes on after falling behind.
//
// The events that Windows and Chunks keep count to a budget.Budget of the process, and give way when that is used up.
//
// Reading order: follower.go, window.go, chunks.go.
package sequence
