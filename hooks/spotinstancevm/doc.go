// Package spotinstancevm is the hook of SpotInstanceVM: it keeps a pool of GCE spot VMs at the size that training jobs
// need, and is the only hook that touches Google Cloud.
//
// One call is five steps: parse the request, observe (read the zones, the Secrets and what Metacontroller sent), decide
// (pure: facts in, decision out), act (run the decision's operations) and render status. Status is a cache: each sync
// rebuilds it from instances, operations and Nodes, and takes from it only what nobody else remembers.
//
//	            insert sent           RUNNING           Node Ready with its GPUs
//	Planned ───────────────► Creating ───────► Joining ────────────────────────► Ready ◄────► NotReady
//	   │                        │                 │                                │              │
//	   │ not needed,            │ insert failed   │ joinTimeout                    │ idle, empty  │ joinTimeout
//	   │ zone blocked           ▼                 ▼                                ▼              ▼
//	   └─────────────────────► Gone ◄───────── Deleting ◄──────────────────────────┴──────────────┘
//	                            ▲
//	                            │ a complete list of the zone does not show it
//	any, present ──► Stopping ──┘     preempted or about to be, stopped, or 20 minutes before its run limit
//	any, unread  ──► Unknown          its zone cannot be read and its Node is not Ready
//
// What holds whatever happens:
//
//   - A VM is inserted only for an entry that the request's own status holds. Its name is used once, in one zone, and its
//     request id follows from them, so that no crash, repetition or second server makes two VMs of one.
//   - A zone that could not be read holds what it held: nothing there is inserted, deleted or called gone.
//   - Another zone is tried only after a definitive failure.
//   - A VM with a training pod on it is deleted only when it is dead, never joined, or the pool is deleted. A VM that is
//     not needed goes in three syncs: taint, a live look that nothing but DaemonSets is left, delete.
//   - A Node is deleted only if providerID and pool UID prove it to be of a VM that a list made at that moment lacks.
//
// It does not know what is trained, does not create pods, and does not keep anything in memory that it cannot lose.
package spotinstancevm
