// Package sdk plays the real botanu SDK against the built collector and holds
// every summary against what the SDK's documentation promises. expect.json has
// the promises; where a version of the SDK does not put one on the wire, it
// also says what a summary can say instead, and why.
//
// [TestFixtures] plays what the SDK sent once (testdata/sdk of the repository),
// and takes Go alone. TestSDK, behind the build tag sdk, installs the SDK and
// plays it live; with -record it writes the fixtures anew.
package sdk
