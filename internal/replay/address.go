package replay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
)

// Where addresses are looked for: below the ports that systems give to clients.
// While nothing listens on one of those, any client may be given it, and one
// that tries to connect to it again and again is in the end connected to itself.
const (
	firstPort = 15_000
	ports     = 15_000
)

// given are the addresses that this process has given out. None is given
// twice: of two collectors that start at once, one would be asked in place of
// the other.
var given = struct {
	mu        sync.Mutex // guards addresses
	addresses map[string]bool
}{addresses: map[string]bool{}}

var errNoAddress = errors.New("no port is free")

// FreeAddress is an address of the loopback interface, as host:port, that
// nothing listens on and that this process has not given out before.
func FreeAddress() (string, error) {
	given.mu.Lock()
	defer given.mu.Unlock()
	for range ports {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(ports))
		if given.addresses[address] {
			continue
		}
		l, err := net.Listen("tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return "", err
		}
		given.addresses[address] = true
		return address, l.Close()
	}
	return "", errNoAddress
}
