// Package composite hosts Metacontroller CompositeControllers where the Metacontroller binary is not
// at hand. It talks to a real API server and to real hooks over HTTP, and behaves towards both as
// Metacontroller v4.17 does with its default "dynamic-apply" strategy: the same requests, the same
// order of steps in a sync, the same retries, the same traps.
//
// One sync of one parent is the function (*controller).syncParent; it reads as the table of contents.
//
// It is not a replacement for Metacontroller. It knows only CompositeControllers, keeps no
// ControllerRevisions (RollingInPlace and RollingRecreate act on all children at once, like InPlace and
// Recreate), never applies server-side, and has no metrics, leader election or parallel shards. What it
// does not know in a CompositeController (caBundle, etag, authorization, namespaceSelector …) it refuses
// by a CreateError or SyncError event instead of ignoring it. A null child, which kills the Metacontroller
// process, is a sync error here that says so.
//
// The conformance suite of this package runs the same assertions on this driver and, when METACONTROLLER
// names its binary, on Metacontroller itself.
package composite
