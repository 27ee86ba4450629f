// Package hooks serves the hooks of the two CompositeControllers that make up the operator.
//
//	SpotInstanceJob ─► Metacontroller ─► POST /spotinstancejob/{customize,sync}
//	   children: Job (one per attempt of a replica), CheckpointBackup;  related: its pods, its pool
//	SpotInstanceVM  ─► Metacontroller ─► POST /spotinstancevm/{customize,sync,finalize} ─► Google Compute Engine
//	   related: the pool's Jobs, pods and Nodes
//
// The two never call each other. They meet in the cluster: a job's child Jobs are the pool's demand, and the pool's status
// is all that a job knows of VMs.
package hooks
