package v1alpha1

// ConditionReady on both kinds sums up: True when everything wanted is there, and also when nothing is wanted, as of a job that is
// suspended or has completed; else its message tells what is missing.
const ConditionReady = "Ready"

// Two conditions on both kinds tell kstatus, which Flux and kubectl plugins ask, why Ready is False. Each is there only while it is
// True, with the reason and message of Ready, and never beside the other one.
const (
	// ConditionReconciling is True while the operator works on what is missing, or waits for it. kstatus says InProgress.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when nothing will come of it unless somebody changes something. kstatus says Failed.
	ConditionStalled = "Stalled"
)

// ConditionSpecValid on both kinds is False when the spec cannot be run: its message names the field and the remedy.
const ConditionSpecValid = "SpecValid"

// Reasons shared by both kinds.
const (
	ReasonValid   = "Valid"
	ReasonInvalid = "Invalid"
)
