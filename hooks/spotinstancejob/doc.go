// Package spotinstancejob is the hook of SpotInstanceJob: it turns what Metacontroller observed of one training job
// into the child Jobs and CheckpointBackups that should exist.
//
// A replica is a slot; an attempt is one child Job of that slot, one pod. Attempts are created once and never changed:
//
//	                       ┌────────────── VM ready again ───────────────┐
//	                       ▼                                             │
//	Pending ─► Starting ─► Running ───── VM stopping or NotReady ─────► Doomed
//	   │          │           │                                          │
//	   │          │           ├─ pod gone, disrupted, VM gone ─► Lost ◄──┘
//	   │          │           └─ pod ended ─► Ending ─(20 s, VM still fine)─► Succeeded | Failed | RestoreFailed | Rejected
//	   └──────────┴─ VM gone ─► Lost
//
// A Doomed, Lost, Failed, RestoreFailed or Rejected attempt gets a successor, which starts from the best checkpoint at that
// moment; it is dropped when its successor is observed (Doomed: when the successor's containers run). The first
// Succeeded attempt ends the job.
//
// The hook keeps no memory: counters and the origin of each attempt are written on the children when they are created,
// and the name and body of every child follow from observed facts, never from the time of the call. It does not see
// Nodes or Google Cloud; what it knows of VMs is the status of the SpotInstanceVM.
package spotinstancejob
