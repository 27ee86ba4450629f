// Package e2e tells the operator's stories on the lab: a real API server with its real controllers, the operator's hooks
// as their own process, and a fake Compute Engine. Most stories are in test/story/testdata, because the simulator tells
// them, too, and they must turn out the same here: TestStories tells each in a namespace of its own. A Go test is a story
// that cannot be told in that language: it looks at the wire, or at one field of an invalid spec. All of them share one
// cluster and run side by side. A story ends by deleting what it created and looking that nothing is left.
//
// The CompositeControllers are hosted by test/composite, or by Metacontroller itself when METACONTROLLER names its
// binary. What changes things that all stories share, such as the CRDs, is in package install below this one.
//
// It is not the place for what one hook decides on given facts: hooks/* test that without a cluster.
package e2e
