// Package crash kills the built collector with SIGKILL at random moments, over
// and over, and takes its disk away, and holds that with `storage` nothing that
// was acknowledged is lost and nothing counts twice (contract, section 9).
//
// `make crash` kills it 200 times; without CRASH_KILLS it is killed fewer times,
// which takes half a minute. CRASH_SEED repeats the moments and the runs of a
// test that failed, as far as the machine lets them be repeated.
package crash
