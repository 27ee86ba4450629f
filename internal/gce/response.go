package gce

import (
	"path"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/compute/apiv1/computepb"
)

func instanceFrom(p *computepb.Instance) Instance {
	i := Instance{
		Name:              p.GetName(),
		Zone:              lastSegment(p.GetZone()),
		ID:                strconv.FormatUint(p.GetId(), 10),
		Status:            p.GetStatus(),
		Labels:            p.GetLabels(),
		MachineType:       lastSegment(p.GetMachineType()),
		ProvisioningModel: p.GetScheduling().GetProvisioningModel(),
		CreationTime:      timestamp(p.GetCreationTimestamp()),
		PreemptionNotice:  duration(p.GetScheduling().GetPreemptionNoticeDuration()),
		MaxRunDuration:    duration(p.GetScheduling().GetMaxRunDuration()),
	}
	if len(p.GetNetworkInterfaces()) == 0 {
		return i
	}
	nic := p.GetNetworkInterfaces()[0]
	i.InternalIP = nic.GetNetworkIP()
	if len(nic.GetAccessConfigs()) > 0 {
		i.ExternalIP = nic.GetAccessConfigs()[0].GetNatIP()
	}
	return i
}

// operationFrom keeps Target empty unless the operation is on an instance: zones have operations on disks too.
func operationFrom(p *computepb.Operation) Operation {
	op := Operation{
		Name:       p.GetName(),
		Zone:       lastSegment(p.GetZone()),
		Type:       p.GetOperationType(),
		RequestID:  p.GetClientOperationId(),
		User:       p.GetUser(),
		Done:       p.GetStatus() == computepb.Operation_DONE,
		InsertTime: timestamp(p.GetInsertTime()),
		EndTime:    timestamp(p.GetEndTime()),
	}
	if strings.Contains(p.GetTargetLink(), "/instances/") {
		op.Target = lastSegment(p.GetTargetLink())
	}
	if p.GetTargetId() != 0 {
		op.TargetID = strconv.FormatUint(p.GetTargetId(), 10)
	}
	if op.Done {
		op.Error = operationFailure(p, op)
	}
	return op
}

func lastSegment(url string) string {
	if url == "" {
		return ""
	}
	return path.Base(url)
}

// timestamp is zero for what is no RFC 3339, an unset one included.
func timestamp(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func duration(d *computepb.Duration) time.Duration {
	return time.Duration(d.GetSeconds())*time.Second + time.Duration(d.GetNanos())
}
