package certificates

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkEvery is the least time between two looks at the files. A handshake looks when it is due.
const checkEvery = time.Second

// files is a certificate in two PEM files. They are read again when they change, so that the program that renews them need not
// know of this process.
type files struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed [2]time.Time // when the files that were read had been written
	checked time.Time    // when the files were last looked at
}

// get implements tls.Config.GetCertificate. When the files can't be read any more, the certificate from before goes on.
func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.checked) >= checkEvery {
		f.checked = time.Now()
		if times, err := f.times(); err == nil && times != f.changed {
			if err := f.load(); err != nil {
				f.log.Warn("the certificate's files have changed but can't be read; the certificate from before goes on", "error", err)
			} else {
				f.log.Info("the certificate was read again", "file", f.cert)
			}
		}
	}
	return f.loaded, nil
}

// load reads the files. The caller holds mu, or is the only one to know f.
func (f *files) load() error {
	times, err := f.times()
	if err != nil {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.loaded, f.changed = &loaded, times
	return nil
}

func (f *files) times() (times [2]time.Time, err error) {
	for i, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return times, err
		}
		times[i] = info.ModTime()
	}
	return times, nil
}

// named says whether the certificate is for a name.
func (f *files) named(name string) bool {
	loaded, err := f.get(nil)
	return err == nil && loaded.Leaf != nil && loaded.Leaf.VerifyHostname(name) == nil
}
