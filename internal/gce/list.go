package gce

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"cloud.google.com/go/compute/apiv1/computepb"
	"google.golang.org/api/iterator"
)

// What is read of instances and of lists. Metadata is left out: it holds the startup script and its join token.
const (
	instanceFields   = "name,zone,id,status,labels,machineType,creationTimestamp,scheduling(provisioningModel,preemptionNoticeDuration,maxRunDuration),networkInterfaces(networkIP,accessConfigs/natIP)"
	zoneListFields   = "items(" + instanceFields + "),nextPageToken,warning"
	aggregatedFields = "items/*/instances(" + instanceFields + "),items/*/warning,nextPageToken,unreachables,warning"
	operationFields  = "items(name,zone,operationType,targetLink,targetId,clientOperationId,user,status,error,httpErrorStatusCode,httpErrorMessage,insertTime,endTime),nextPageToken,warning"
)

const pageSize = 500 // GCE's most

// knowingNotice reads instances, and reads them once more without their notices where GCE does not know that field yet. A VM
// whose notice is not told has none, as far as anybody can know.
func knowingNotice[Found any](fields string, read func(fields string) (Found, error)) (Found, error) {
	found, err := read(fields)
	if KindOf(err) == NoticeRefused {
		return read(strings.Replace(fields, "preemptionNoticeDuration,", "", 1))
	}
	return found, err
}

// Instances is as Cloud says.
func (c *Client) Instances(ctx context.Context, zone string, labels map[string]string) ([]Instance, error) {
	return knowingNotice(zoneListFields, func(fields string) ([]Instance, error) { return c.listZone(ctx, zone, labels, fields) })
}

func (c *Client) listZone(ctx context.Context, zone string, labels map[string]string, fields string) ([]Instance, error) {
	call := "list instances in " + zone
	if err := errors.Join(ValidateZone(zone), ValidateLabels(labels)); err != nil {
		return nil, Refused(call, err)
	}
	client, err := c.instanceReads(ctx, listQuery(fields))
	if err != nil {
		return nil, Unanswered(call, err)
	}
	it := client.List(ctx, &computepb.ListInstancesRequest{
		Project: c.project, Zone: zone, Filter: labelFilter(labels), MaxResults: new(uint32(pageSize)),
	}, retryRead())
	var found []Instance
	for {
		item, err := it.Next()
		if partial := partialList(call, it.Response); partial != nil {
			return nil, partial
		}
		if errors.Is(err, iterator.Done) {
			return found, nil
		}
		if err != nil {
			return nil, unknownZone(failure(ctx, call, err))
		}
		found = append(found, instanceFrom(item))
	}
}

// Instance is as Cloud says.
func (c *Client) Instance(ctx context.Context, zone, name string) (Instance, error) {
	return knowingNotice(instanceFields, func(fields string) (Instance, error) { return c.get(ctx, zone, name, fields) })
}

func (c *Client) get(ctx context.Context, zone, name, fields string) (Instance, error) {
	call := fmt.Sprintf("get %s in %s", name, zone)
	if err := errors.Join(ValidateZone(zone), ValidateName(name)); err != nil {
		return Instance{}, Refused(call, err)
	}
	client, err := c.instanceReads(ctx, url.Values{"fields": {fields}})
	if err != nil {
		return Instance{}, Unanswered(call, err)
	}
	found, err := client.Get(ctx, &computepb.GetInstanceRequest{Project: c.project, Zone: zone, Instance: name}, retryRead())
	if err != nil {
		return Instance{}, failure(ctx, call, err)
	}
	return instanceFrom(found), nil
}

// AllInstances is as Cloud says.
func (c *Client) AllInstances(ctx context.Context, labels map[string]string) ([]Instance, error) {
	return knowingNotice(aggregatedFields, func(fields string) ([]Instance, error) { return c.listAll(ctx, labels, fields) })
}

func (c *Client) listAll(ctx context.Context, labels map[string]string, fields string) ([]Instance, error) {
	call := "list instances of project " + c.project
	if err := ValidateLabels(labels); err != nil {
		return nil, Refused(call, err)
	}
	client, err := c.instanceReads(ctx, listQuery(fields))
	if err != nil {
		return nil, Unanswered(call, err)
	}
	it := client.AggregatedList(ctx, &computepb.AggregatedListInstancesRequest{
		Project: c.project, Filter: labelFilter(labels), MaxResults: new(uint32(pageSize)),
	}, retryRead())
	var found []Instance
	for {
		scope, err := it.Next()
		if partial := partialList(call, it.Response); partial != nil {
			return nil, partial
		}
		if errors.Is(err, iterator.Done) {
			return found, nil
		}
		if err != nil {
			return nil, failure(ctx, call, err)
		}
		if partial := partialScope(call, scope.Key, scope.Value); partial != nil {
			return nil, partial
		}
		for _, item := range scope.Value.GetInstances() {
			found = append(found, instanceFrom(item))
		}
	}
}

// Operations is as Cloud says. It reads the newest first and stops at the first page that goes past since: GCE's
// filters on the time of operations are not dependable.
func (c *Client) Operations(ctx context.Context, zone string, since time.Time) ([]Operation, error) {
	call := "list operations in " + zone
	if err := ValidateZone(zone); err != nil {
		return nil, Refused(call, err)
	}
	client, err := c.operationReads(ctx, listQuery(operationFields))
	if err != nil {
		return nil, Unanswered(call, err)
	}
	it := client.List(ctx, &computepb.ListZoneOperationsRequest{
		Project: c.project, Zone: zone, OrderBy: new("creationTimestamp desc"), MaxResults: new(uint32(pageSize)),
	}, retryRead())
	since = since.Truncate(time.Millisecond) // the precision of GCE's timestamps
	var found []Operation
	for {
		item, err := it.Next()
		if partial := partialList(call, it.Response); partial != nil {
			return nil, partial
		}
		if errors.Is(err, iterator.Done) {
			return found, nil
		}
		if err != nil {
			return nil, unknownZone(failure(ctx, call, err))
		}
		op := operationFrom(item)
		if !op.InsertTime.IsZero() && op.InsertTime.Before(since.Add(-sinceSlack)) {
			return found, nil
		}
		if op.Target != "" && !op.InsertTime.Before(since) {
			found = append(found, op)
		}
	}
}

// sinceSlack is how far out of order two operations may be: they are ordered by their creation, and selected by
// their insertion.
const sinceSlack = time.Minute

// labelFilter is a filter that all labels equal, nil for none. The labels are of GCE's form, so nothing in them
// ends the quotes.
func labelFilter(labels map[string]string) *string {
	if len(labels) == 0 {
		return nil
	}
	var terms []string
	for _, k := range sortedKeys(labels) {
		terms = append(terms, fmt.Sprintf("(labels.%s = %q)", k, labels[k]))
	}
	return new(strings.Join(terms, " "))
}

// unknownZone makes a zone that does not exist the caller's mistake, as other wrong arguments are: GCE says 404
// or 400 for it.
func unknownZone(e *Error) *Error {
	if e.Kind == NotFound {
		e.Kind = Invalid
	}
	return e
}
