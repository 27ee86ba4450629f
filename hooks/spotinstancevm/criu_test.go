package spotinstancevm

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
)

// TestVMsTellCRIU: the startup script writes what the pool says, and only that.
func TestVMsTellCRIU(t *testing.T) {
	for name, c := range map[string]struct {
		config *v1alpha1.CRIUConfig
		want   []string
	}{
		"not set":         {nil, nil},
		"nothing of TCP":  {&v1alpha1.CRIUConfig{}, nil},
		"Close":           {&v1alpha1.CRIUConfig{TCP: v1alpha1.CRIUTCPClose}, []string{"tcp-close"}},
		"Established":     {&v1alpha1.CRIUConfig{TCP: v1alpha1.CRIUTCPEstablished}, []string{"tcp-established"}},
		"of another time": {&v1alpha1.CRIUConfig{TCP: "$(reboot)"}, nil},
	} {
		spec := v1alpha1.SpotInstanceVMSpec{CRIU: c.config}
		vm := bootstrapOf(identity{}, settingsOf(spec), vmRequest{zone: "us-central1-a"}, bootstrap.Join{})
		assert.Equal(t, c.want, vm.CRIU, name)
		if c.config != nil && c.want != nil {
			assert.NotEqual(t, specHash(v1alpha1.SpotInstanceVMSpec{}), specHash(spec), "%s: VMs without it are of an old spec", name)
		}
	}
}
