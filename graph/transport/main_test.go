package transport

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine is left running after every server of the tests has stopped.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
