package journal

// keptLimit is up to how many values a dictionary keeps its memory for the
// next entry. Emptying a map costs as much as it ever held, so after one huge
// entry every small one would pay for it.
const keptLimit = 4096

// emptied is the map with nothing in it, or a new one.
func emptied[K comparable](m map[K]uint64) map[K]uint64 {
	if m == nil || len(m) > keptLimit {
		return map[K]uint64{}
	}
	clear(m)
	return m
}

// dictionary numbers the distinct values of an entry, from 1.
type dictionary[K comparable] struct {
	numbers map[K]uint64
	last    K      // looked for last: spans of one batch are alike
	lastNum uint64 // 0 where none was
}

// number gives the number of v, and whether it has it only now.
func (d *dictionary[K]) number(v K) (n uint64, isNew bool) {
	if d.lastNum != 0 && d.last == v {
		return d.lastNum, false
	}
	n, found := d.numbers[v]
	if !found {
		if d.numbers == nil {
			d.numbers = emptied(d.numbers)
		}
		n = uint64(len(d.numbers)) + 1
		d.numbers[v] = n
	}
	d.last, d.lastNum = v, n
	return n, !found
}

func (d *dictionary[K]) clear() {
	var none K
	d.last, d.lastNum = none, 0
	d.numbers = emptied(d.numbers)
}

// wide is a dictionary of values of a hundred bytes and more. As keys of a map
// they would be allocated one by one, and hashed with all that is empty in
// them. Two values with one hash take turns: the one that is not found is written
// again, which is right, if longer.
type wide[K comparable] struct {
	byHash map[uint64]uint64 // a hash to a number
	values []K               // by number, from 1
}

// has reports whether n is the number of v. It is false for 0.
func (d *wide[K]) has(n uint64, v *K) bool { return n != 0 && d.values[n-1] == *v }

// number gives the number of v, and whether it has it only now.
func (d *wide[K]) number(hash uint64, v *K) (n uint64, isNew bool) {
	if n := d.byHash[hash]; d.has(n, v) {
		return n, false
	}
	if d.byHash == nil {
		d.byHash = emptied(d.byHash)
	}
	d.values = append(d.values, *v)
	n = uint64(len(d.values))
	d.byHash[hash] = n
	return n, true
}

func (d *wide[K]) clear() {
	d.byHash = emptied(d.byHash)
	if len(d.values) > keptLimit {
		d.values = nil
	}
	clear(d.values) // the strings in them
	d.values = d.values[:0]
}

// likely is what the last span of a part had, as numbers: what the next one
// has too. To see that it does costs a third of looking for it.
type likely struct{ identity, emitter uint64 }
