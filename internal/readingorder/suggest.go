package main

import "slices"

// suggest returns an order of the files in which few calls run back up. It moves one file at a time to its best place, until no
// move helps: a good order, though not always the best one.
func suggest(files []string, calls []call) []string {
	weights := make(map[[2]string]int)
	for _, c := range calls {
		weights[[2]string{c.from, c.to}]++
	}
	order := slices.Clone(files)
	slices.Sort(order)
	for improved := true; improved; {
		improved = false
		for _, name := range files {
			now := slices.Index(order, name)
			others := slices.Delete(slices.Clone(order), now, now+1)
			if best := bestPlace(name, now, others, weights); best != now {
				order = slices.Insert(others, best, name)
				improved = true
			}
		}
	}
	return order
}

// bestPlace returns the place among others where a file adds the fewest calls that run back up: now, unless another place is
// better.
func bestPlace(name string, now int, others []string, weights map[[2]string]int) int {
	back := 0 // calls that run back up with the file at the front: those of others to the file do
	for _, other := range others {
		back += weights[[2]string{other, name}]
	}
	costs := []int{back}
	for _, other := range others { // the file moves behind one more
		back += weights[[2]string{name, other}] - weights[[2]string{other, name}]
		costs = append(costs, back)
	}
	best := now
	for place, cost := range costs {
		if cost < costs[best] {
			best = place
		}
	}
	return best
}
