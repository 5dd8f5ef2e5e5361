package jwks

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// fileInterval is the time between two looks at a file. A look that finds it unchanged takes microseconds.
const fileInterval = time.Second

// file is a source in the file system. Only one goroutine at a time may read it.
type file struct {
	path string
	last fs.FileInfo // of the file as it was read last; nil before
}

func (*file) local() bool             { return true }
func (*file) interval() time.Duration { return fileInterval }
func (*file) pause() time.Duration    { return fileInterval }
func (f *file) name() string          { return f.path }

func (f *file) read(context.Context) (text []byte, err error) {
	before := f.last
	f.last = nil // so that a file that can't be read now is tried again, changed or not
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return nil, err
	case before != nil && os.SameFile(info, before) && info.ModTime().Equal(before.ModTime()) && info.Size() == before.Size():
		f.last = before
		return nil, errUnchanged
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file that can be read")
	}
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	// The time is taken before the text, so that a change in between is seen at the next look.
	if info, err = opened.Stat(); err != nil {
		return nil, err
	}
	if text, err = readBounded(opened); err != nil {
		return nil, err
	}
	f.last = info
	return text, nil
}
