package v1alpha1

import "encoding/json"

// AnnotationRejections on a Job is the Rejections of its replica before it, as JSON; absent if its last pod was not rejected.
const AnnotationRejections = "training.dcnlab.com/rejections"

// How often a kubelet may reject the pods of one replica.
const (
	// RejectionsPerVM is how many pods of one replica a VM may reject in a row before it is replaced.
	RejectionsPerVM = 3
	// RejectionsPerRest is after how many rejections in a row a replica rests for an hour and asks for no VM: two VMs have been tried.
	RejectionsPerRest = 2 * RejectionsPerVM
)

// Rejections is how often in a row kubelets rejected the pods of a replica: phase Failed before any container has started, for a reason
// such as UnexpectedAdmissionError. A pod that starts ends the row.
type Rejections struct {
	// VM that rejected the last of them.
	VM string `json:"vm"`
	// OnVM counts those of that VM.
	OnVM int32 `json:"onVM"`
	// InARow counts those of all VMs.
	InARow int32 `json:"inARow"`
	// Said is the reason and message of the last pod.
	Said string `json:"said,omitempty"`
}

// ParseRejections reads the annotation. What cannot be Rejections counts as none.
func ParseRejections(annotations map[string]string) Rejections {
	var r Rejections
	if json.Unmarshal([]byte(annotations[AnnotationRejections]), &r) != nil || r.OnVM < 0 || r.InARow < 0 {
		return Rejections{}
	}
	return r
}

// String is the annotation's value; empty for none.
func (r Rejections) String() string {
	if r.InARow == 0 {
		return ""
	}
	data, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	return string(data)
}

// And is one more rejection, by this VM.
func (r Rejections) And(vm, said string) Rejections {
	if r.VM != vm {
		r.OnVM = 0
	}
	r.VM, r.Said = vm, said
	r.OnVM, r.InARow = r.OnVM+1, r.InARow+1
	return r
}

// IsRest tells whether the replica rests before its next attempt.
func (r Rejections) IsRest() bool { return r.InARow > 0 && r.InARow%RejectionsPerRest == 0 }
