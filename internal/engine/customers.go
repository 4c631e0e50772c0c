package engine

import "github.com/runrollup/runrollupprocessor/internal/event"

// customers counts, by event ID, for what each customer is known to have such an
// event: one that is held, and runs of one. Those that name no customer are left
// out. Nearly always there is one customer.
type customers map[string]*customersOf

// customersOf is the customers of one event ID.
type customersOf struct {
	first string
	n     int            // of first
	more  map[string]int // the others; nil where there are none
}

func (c customers) add(k event.Key) {
	if k.Customer == "" {
		return
	}
	of := c[k.Event]
	if of == nil {
		of = &customersOf{first: k.Customer}
		c[k.Event] = of
	}
	if of.first == k.Customer {
		of.n++
		return
	}
	if of.more == nil {
		of.more = map[string]int{}
	}
	of.more[k.Customer]++
}

func (c customers) remove(k event.Key) {
	of := c[k.Event]
	switch {
	case k.Customer == "" || of == nil:
		return
	case of.first != k.Customer:
		if n := of.more[k.Customer]; n > 1 {
			of.more[k.Customer] = n - 1
		} else {
			delete(of.more, k.Customer)
		}
		return
	}
	if of.n--; of.n > 0 {
		return
	}
	for other, n := range of.more {
		of.first, of.n = other, n
		delete(of.more, other)
		return
	}
	delete(c, k.Event)
}

// only is the customer of an event ID where there is exactly one.
func (c customers) only(id string) string {
	if of := c[id]; of != nil && len(of.more) == 0 {
		return of.first
	}
	return ""
}
