// Package sim runs the hooks that ship in a world of models: virtual time, one seeded random source, one goroutine.
//
//	story ──► World ──► API (objects, versions) ──► Metacontroller ──bytes──► http.Handler of package hooks
//	            │         ▲   ▲   ▲                                               │
//	            │   Kubernetes │  Agent ── Images (what was really trained)       ▼
//	            │    (Jobs, pods, Nodes)                                    Cloud ──► gcefake
//	            └── Laws: what must hold after every step
//
// The same story and seed give the same trace, byte for byte. Every model follows what is known of the real thing to the
// extent that the hooks can see it, and says where it stops. It proves nothing about the real Metacontroller, Kubernetes
// or GCE: the stories that need no clock jump run on a real API server too, in test/e2e, from the same files.
package sim
