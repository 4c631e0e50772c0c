package runrollupprocessor

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// cardFile is the rate card in force: the embedded one, with the operator's
// file over it or in its place. The file is looked at now and then; what has
// changed is taken whole or not at all.
type cardFile struct {
	config RateCardConfig
	base   *ratecard.Card // the embedded card
	logger *zap.Logger

	tried [sha256.Size]byte // digest of what was last parsed, good or bad
	told  string            // the last error that was logged
	stop  context.CancelFunc
	done  chan struct{}

	inForce atomic.Pointer[ratecard.Card]
	reloads atomic.Int64 // changes taken
	errors  atomic.Int64 // looks at the file that ended in an error; the card before stays
}

// cardFileLimit bounds what is read of a rate card.
const cardFileLimit = 64 << 20

// openCard reads the card that the configuration names. An error names the
// file, the line and the fix.
func openCard(config RateCardConfig, logger *zap.Logger) (*cardFile, error) {
	base, err := ratecard.Embedded()
	if err != nil {
		return nil, fmt.Errorf("embedded rate card: %w", err)
	}
	c := &cardFile{config: config, base: base, logger: logger}
	c.inForce.Store(base)
	if config.File == "" {
		return c, nil
	}
	card, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("cost::rate_card::file: %w", err)
	}
	c.inForce.Store(card)
	return c, nil
}

// read gives the card of the file as it is now; nil where it says what it said
// when it was last read.
func (c *cardFile) read() (*ratecard.Card, error) {
	info, err := os.Stat(c.config.File)
	if err != nil {
		return nil, err
	}
	if info.Size() > cardFileLimit {
		return nil, fmt.Errorf("%s: %d bytes are too many for a rate card; at most %d are read", c.config.File, info.Size(), cardFileLimit)
	}
	data, err := os.ReadFile(c.config.File)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(data)
	if digest == c.tried {
		return nil, nil
	}
	c.tried = digest
	file, err := ratecard.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.config.File, err)
	}
	if c.config.Mode != "" {
		file.Mode = ratecard.Mode(c.config.Mode)
	}
	card, err := ratecard.New(file, c.base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.config.File, err)
	}
	return card, nil
}

// watch looks at the file at each interval and hands a changed card to use.
// It reads the file whole instead of trusting its time: a mounted secret or
// config map changes by a link, and some editors keep the time.
func (c *cardFile) watch(use func(*ratecard.Card)) {
	if c.config.File == "" || c.config.ReloadInterval <= 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop, c.done = cancel, make(chan struct{})
	go func() {
		defer close(c.done)
		ticker := time.NewTicker(c.config.ReloadInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				c.look(use)
			}
		}
	}()
}

// look takes a changed file. A bad one is told of once.
func (c *cardFile) look(use func(*ratecard.Card)) {
	card, err := c.read()
	switch {
	case err != nil:
		c.errors.Add(1)
		if c.told == err.Error() {
			return
		}
		c.told = err.Error()
		c.logger.Warn("The rate card could not be reloaded; the one before stays in force.",
			zap.String("in_force", c.inForce.Load().Ref()), zap.Error(err))
	case card != nil:
		c.told = ""
		c.inForce.Store(card)
		c.reloads.Add(1)
		use(card)
		c.logger.Info("A changed rate card is in force.", zap.String("rate_card", card.Ref()))
	}
}

// close ends the watching, and waits for it. It may be called without watch,
// and twice.
func (c *cardFile) close() {
	if c.stop != nil {
		c.stop()
		<-c.done
	}
}
