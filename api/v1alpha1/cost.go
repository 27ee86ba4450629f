package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CostStatus is what VMs have cost, by the price table of the cluster: their hours, and nothing else that Google bills. Amounts
// are decimal numbers in US dollars.
type CostStatus struct {
	// Spent so far.
	SpentUSD string `json:"spentUSD"`

	// What the same hours of the same VMs cost on demand.
	OnDemandUSD string `json:"onDemandUSD"`

	// onDemandUSD less spentUSD.
	SavedUSD string `json:"savedUSD"`

	// Hours of VMs that the price table does not know, which are in no sum.
	// +optional
	UnpricedHours string `json:"unpricedHours,omitempty"`

	// Until when VMs are reckoned: it moves when one ends, and every 10 minutes while one runs.
	AsOf metav1.Time `json:"asOf"`
}
