package gcefake

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const apiRoot = "https://www.googleapis.com/compute/v1/"

// The JSON of the compute API, v1: 64-bit integers are strings, references are URLs, false and 0 are sent when
// set. What an insert may carry and this fake does not know is refused, so that a test notices.

type wireInstance struct {
	Kind              string              `json:"kind,omitempty"`
	ID                string              `json:"id,omitempty"`
	CreationTimestamp string              `json:"creationTimestamp,omitempty"`
	Name              string              `json:"name"`
	Zone              string              `json:"zone,omitempty"`
	SelfLink          string              `json:"selfLink,omitempty"`
	Status            string              `json:"status,omitempty"`
	MachineType       string              `json:"machineType"`
	Labels            map[string]string   `json:"labels,omitempty"`
	Metadata          *wireMetadata       `json:"metadata,omitempty"`
	Tags              *wireTags           `json:"tags,omitempty"`
	Disks             []wireDisk          `json:"disks,omitempty"`
	NetworkInterfaces []wireNetwork       `json:"networkInterfaces,omitempty"`
	GuestAccelerators []wireAccelerator   `json:"guestAccelerators,omitempty"`
	ServiceAccounts   []wireAccount       `json:"serviceAccounts,omitempty"`
	Scheduling        wireScheduling      `json:"scheduling"`
	Reservation       *wireReservationUse `json:"reservationAffinity,omitempty"`
}

type wireMetadata struct {
	Items []wireItem `json:"items,omitempty"`
}

type wireItem struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type wireTags struct {
	Items []string `json:"items,omitempty"`
}

type wireDisk struct {
	Boot             bool            `json:"boot,omitempty"`
	AutoDelete       bool            `json:"autoDelete,omitempty"`
	InitializeParams *wireDiskParams `json:"initializeParams,omitempty"`
}

type wireDiskParams struct {
	SourceImage string            `json:"sourceImage,omitempty"`
	DiskSizeGB  int64             `json:"diskSizeGb,omitempty,string"`
	DiskType    string            `json:"diskType,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

type wireNetwork struct {
	Network       string       `json:"network,omitempty"`
	Subnetwork    string       `json:"subnetwork,omitempty"`
	NetworkIP     string       `json:"networkIP,omitempty"`
	AccessConfigs []wireAccess `json:"accessConfigs,omitempty"`
}

type wireAccess struct {
	Name  string `json:"name,omitempty"`
	Type  string `json:"type,omitempty"`
	NatIP string `json:"natIP,omitempty"`
}

type wireAccelerator struct {
	Type  string `json:"acceleratorType"`
	Count int32  `json:"acceleratorCount"`
}

type wireAccount struct {
	Email  string   `json:"email"`
	Scopes []string `json:"scopes,omitempty"`
}

type wireScheduling struct {
	ProvisioningModel         string        `json:"provisioningModel,omitempty"`
	InstanceTerminationAction string        `json:"instanceTerminationAction,omitempty"`
	OnHostMaintenance         string        `json:"onHostMaintenance,omitempty"`
	AutomaticRestart          *bool         `json:"automaticRestart,omitempty"`
	MaxRunDuration            *wireDuration `json:"maxRunDuration,omitempty"`
	PreemptionNoticeDuration  *wireDuration `json:"preemptionNoticeDuration,omitempty"`
}

type wireReservationUse struct {
	ConsumeReservationType string `json:"consumeReservationType,omitempty"`
}

type wireDuration struct {
	Seconds int64 `json:"seconds,string"`
}

func (d *wireDuration) duration() time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(d.Seconds) * time.Second
}

func wireSeconds(d time.Duration) *wireDuration {
	if d == 0 {
		return nil
	}
	return &wireDuration{Seconds: int64(d / time.Second)}
}

// spec is what the body of an insert asks for, and its termination action.
func (w wireInstance) spec(zone string) (gce.InstanceSpec, string, error) {
	if len(w.Disks) != 1 || w.Disks[0].InitializeParams == nil || len(w.NetworkInterfaces) != 1 {
		return gce.InstanceSpec{}, "", fmt.Errorf("this fake takes exactly one disk with initializeParams and one networkInterface")
	}
	disk, nic := w.Disks[0].InitializeParams, w.NetworkInterfaces[0]
	s := gce.InstanceSpec{
		Name: w.Name, Zone: zone, Labels: w.Labels, MachineType: path.Base(w.MachineType),
		Image: disk.SourceImage, DiskSizeGB: disk.DiskSizeGB, DiskType: path.Base(disk.DiskType),
		Network: nic.Network, Subnetwork: nic.Subnetwork, ExternalIP: len(nic.AccessConfigs) > 0,
		ProvisioningModel: w.Scheduling.ProvisioningModel,
		PreemptionNotice:  w.Scheduling.PreemptionNoticeDuration.duration(),
		MaxRunDuration:    w.Scheduling.MaxRunDuration.duration(),
	}
	if w.Metadata != nil {
		s.Metadata = map[string]string{}
		for _, item := range w.Metadata.Items {
			s.Metadata[item.Key] = item.Value
		}
	}
	if w.Tags != nil {
		s.NetworkTags = w.Tags.Items
	}
	for _, a := range w.GuestAccelerators {
		s.Accelerator, s.AcceleratorCount = path.Base(a.Type), a.Count
	}
	for _, a := range w.ServiceAccounts {
		s.ServiceAccount = a.Email
	}
	return s, w.Scheduling.InstanceTerminationAction, nil
}

// instanceJSON is a VM as get and list show it, metadata included.
func instanceJSON(v VM) wireInstance {
	zone := apiRoot + "projects/" + v.Project + "/zones/" + v.Zone
	w := wireInstance{
		Kind: "compute#instance", ID: v.ID, Name: v.Name, Zone: zone, SelfLink: zone + "/instances/" + v.Name,
		CreationTimestamp: v.CreationTime.Format(timeFormat), Status: v.Status,
		MachineType: zone + "/machineTypes/" + v.MachineType, Labels: v.Labels, Metadata: &wireMetadata{},
		NetworkInterfaces: []wireNetwork{{NetworkIP: v.InternalIP}},
		Scheduling: wireScheduling{
			ProvisioningModel: v.ProvisioningModel, InstanceTerminationAction: v.TerminationAction,
			MaxRunDuration: wireSeconds(v.MaxRunDuration), PreemptionNoticeDuration: wireSeconds(v.PreemptionNotice),
		},
	}
	for _, k := range slices.Sorted(maps.Keys(v.Spec.Metadata)) {
		w.Metadata.Items = append(w.Metadata.Items, wireItem{k, v.Spec.Metadata[k]})
	}
	if v.Spec.ExternalIP {
		w.NetworkInterfaces[0].AccessConfigs = []wireAccess{{Name: "External NAT", Type: "ONE_TO_ONE_NAT", NatIP: v.ExternalIP}}
	}
	return w
}

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// operationJSON is an operation as the API shows it.
func operationJSON(op *operation) map[string]any {
	zone := apiRoot + "projects/" + op.project + "/zones/" + op.Zone
	o := map[string]any{
		"kind": "compute#operation", "id": strconv.FormatUint(op.id, 10), "name": op.Name, "zone": zone,
		"operationType": op.Type, "targetLink": zone + "/instances/" + op.Target, "targetId": op.TargetID,
		"user": op.User, "status": "RUNNING", "progress": 0, "selfLink": zone + "/operations/" + op.Name,
		"insertTime": op.InsertTime.Format(timeFormat), "startTime": op.InsertTime.Format(timeFormat),
	}
	if op.RequestID != "" {
		o["clientOperationId"] = op.RequestID
	}
	if op.statusMessage != "" {
		o["statusMessage"] = op.statusMessage
	}
	if !op.Done {
		return o
	}
	o["status"], o["progress"], o["endTime"] = "DONE", 100, op.EndTime.Format(timeFormat)
	if op.Error != nil {
		o["error"] = map[string]any{"errors": []any{operationErrorJSON(op.Error)}}
		o["httpErrorStatusCode"] = op.Error.HTTPStatus
		o["httpErrorMessage"] = strings.ToUpper(http.StatusText(op.Error.HTTPStatus))
	}
	return o
}

// firstAnswer is an operation as the call shows it that begins it: most often GCE has not started it then.
func firstAnswer(op *operation) map[string]any {
	o := operationJSON(op)
	if !op.Done {
		o["status"] = "PENDING"
		delete(o, "startTime")
	}
	return o
}

// generic turns a value into what encoding/json makes of it.
func generic(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(b, &out)
}
