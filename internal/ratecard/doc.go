// Package ratecard prices one call to a model provider exactly.
//
// A [Card] is what is known about prices: data that is built in, and over it
// what the user's own file states. [Card.Quote] finds the rates in force for
// one call, and [Quote.Price] turns its tokens into picodollars. A call for
// which no card states a price gets a [Reason] instead; nothing is guessed.
//
// The package is pure: no clock, no logger, and no I/O but the data that is
// compiled in. Its only lock guards the memory of lookups already made.
package ratecard
