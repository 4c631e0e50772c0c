package billing

// few is up to how many names are looked for one by one. A run has a model or
// two and some response IDs; a map for them costs more than all else that is
// done with them.
const few = 8

// naming numbers names in the order in which they are first seen.
type naming struct {
	names  []string
	number map[string]int32 // nil while there are few
}

// find is the number of a name, none where it has not been seen.
func (n *naming) find(name string) int32 {
	if n.number != nil {
		if i, ok := n.number[name]; ok {
			return i
		}
		return none
	}
	for i, have := range n.names {
		if have == name {
			return int32(i)
		}
	}
	return none
}

// add is the number of a name, and whether the name is new.
func (n *naming) add(name string) (number int32, isNew bool) {
	if i := n.find(name); i != none {
		return i, false
	}
	if n.names == nil {
		n.names = make([]string, 0, few/2)
	}
	i := int32(len(n.names))
	n.names = append(n.names, name)
	if n.number == nil && len(n.names) > few {
		n.number = make(map[string]int32, 2*len(n.names))
		for k, have := range n.names {
			n.number[have] = int32(k)
		}
	} else if n.number != nil {
		n.number[name] = i
	}
	return i, true
}
