// Package gcefake is a small Google Compute Engine: one state machine of zones, VMs and operations, used in
// process through gce.Cloud and over HTTP by the real REST client.
//
//	insert ─► PROVISIONING ─► STAGING ─► RUNNING ──(notice)──► STOPPING ─► gone, or TERMINATED
//	               │                                              ▲
//	               └─ no capacity: the operation fails, gone      preempted, deleted, stopped, run limit reached
//
// It keeps the promises that the pool hook depends on: a name is taken per zone until the VM is gone; a request
// id repeated returns the first operation; an insert without capacity is accepted, is seen as PROVISIONING, and
// fails in its operation; a preemption leaves a system operation behind; a list can be partial. Tests script it
// in domain words: SetCapacity, SetQuota, Preempt, and When or Once with a Behaviour such as LostAnswer. How one zone
// refuses what another takes is in testdata/refusals, see Refuses.
//
// It is not a model of how often Google preempts or runs out of capacity, and proves nothing about the real API
// beyond what its authors knew of it: nothing here was recorded from Google. It has no disks of their own,
// networks, images, IAM, API quotas that refill, bulk inserts, suspend, maintenance or restart, no metadata
// server (see VM.Noticed and Subscribe), and no memory across restarts; while it lives it forgets no operation
// and no request id. Filters and field masks are understood as far as the client of package gce uses them. All
// spot VMs of a zone share one capacity, whatever their type; on-demand VMs find room always.
package gcefake
