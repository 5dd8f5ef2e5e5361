package media

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog logs pion's lines at level debug: most are caused by packets of outsiders, and none needs a person.
type pionLog struct{ log *slog.Logger }

var (
	_ logging.LoggerFactory = pionLog{}
	_ logging.LeveledLogger = pionLog{}
)

func (l pionLog) NewLogger(string) logging.LeveledLogger { return l }

func (l pionLog) print(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("turn: " + fmt.Sprintf(format, args...))
	}
}

func (pionLog) Trace(string)                        {}
func (pionLog) Tracef(string, ...any)               {}
func (pionLog) Debug(string)                        {} // one line for each packet
func (pionLog) Debugf(string, ...any)               {}
func (l pionLog) Info(msg string)                   { l.print("%s", msg) }
func (l pionLog) Infof(format string, args ...any)  { l.print(format, args...) }
func (l pionLog) Warn(msg string)                   { l.print("%s", msg) }
func (l pionLog) Warnf(format string, args ...any)  { l.print(format, args...) }
func (l pionLog) Error(msg string)                  { l.print("%s", msg) }
func (l pionLog) Errorf(format string, args ...any) { l.print(format, args...) }
