package v1alpha1

// ConditionReady on both kinds sums up: True when everything wanted is there; else its message tells what is missing.
const ConditionReady = "Ready"

// ConditionSpecValid on both kinds is False when the spec cannot be run: its message names the field and the remedy.
const ConditionSpecValid = "SpecValid"

// Reasons shared by both kinds.
const (
	ReasonValid   = "Valid"
	ReasonInvalid = "Invalid"
)
