// Package e2e tells the operator's stories on the lab: a real API server with its real controllers, the operator's hooks
// as their own process, and a fake Compute Engine. Each test is one story in a namespace of its own; all of them share
// one cluster and run side by side. A story ends by deleting what it created and looking that nothing is left.
//
// The CompositeControllers are hosted by test/composite, or by Metacontroller itself when METACONTROLLER names its
// binary. Stories that change what all of them share, such as the CRDs, are in package install below this one.
//
// It is not the place for what one hook decides on given facts: hooks/* test that without a cluster.
package e2e
