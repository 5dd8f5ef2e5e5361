package rates_test

import (
	"fmt"
	"net/netip"

	"chattok/rates"
)

// A connection that posts faster than its rate is told when to come back.
func ExamplePayer_Take() {
	limits := rates.DefaultLimits()
	limits.Rates[rates.Posts] = rates.Rate{PerSecond: 1, Burst: 2}
	accounts := rates.New(limits)

	payer := accounts.Payer("c1", netip.MustParseAddr("192.0.2.7"))
	for range 3 {
		lacking, wait := payer.Take([]rates.Charge{{Kind: rates.Posts, Amount: 1}})
		if wait == 0 {
			fmt.Println("posted")
		} else {
			fmt.Println("too fast:", lacking)
		}
	}
	// Output:
	// posted
	// posted
	// too fast: posts
}

// A rate is written as so many a second and, behind a comma, so many at once.
func ExampleParse() {
	rate, err := rates.Parse(rates.MessageBytes, "256KiB/s,1MiB")
	fmt.Println(rate.PerSecond, rate.Burst, err)
	// Output: 262144 1048576 <nil>
}
