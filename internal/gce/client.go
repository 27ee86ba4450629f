package gce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/auth/httptransport"
	compute "cloud.google.com/go/compute/apiv1"
	"cloud.google.com/go/compute/apiv1/computepb"
	"google.golang.org/api/option"
)

const (
	defaultEndpoint = "https://compute.googleapis.com"
	defaultTimeout  = 30 * time.Second
)

// Options are what all clients of a process have in common. The zero value calls Google.
type Options struct {
	Endpoint string        // URL of a fake; empty: Google. A fake is called without authentication.
	Timeout  time.Duration // of one HTTP request, on top of the caller's ctx; 0: 30 s
}

// Client is the Cloud over Google's REST client. It is safe for concurrent use, and holds connections and a token
// that are shared by all its calls. It is not closed: dropping it is enough.
type Client struct {
	project   string
	endpoint  string
	http      *http.Client
	instances *compute.InstancesClient // of mutations; reads have a client each, see transport.go
}

var _ Cloud = (*Client)(nil)

// Dial returns a Client of one project. It calls nobody, except that the default credentials may be looked for on
// this VM's metadata server. Its errors name what is wrong with the project or the credentials and show nothing
// of them; with an Endpoint only the form of the credentials is checked.
func Dial(project string, creds Credentials, opts Options) (*Client, error) {
	if err := ValidateProject(project); err != nil {
		return nil, Refused("connect to Google Cloud", err)
	}
	transport, err := newTransport(creds, opts)
	if err != nil {
		return nil, &Error{Kind: Forbidden, Call: "connect to project " + project, Code: "credentials", Message: oneLine(err.Error()), cause: err}
	}
	c := &Client{project: project, endpoint: opts.Endpoint, http: &http.Client{Transport: transport, Timeout: opts.Timeout}}
	if c.endpoint == "" {
		c.endpoint = defaultEndpoint
	}
	if c.http.Timeout == 0 {
		c.http.Timeout = defaultTimeout
	}
	c.instances, err = compute.NewInstancesRESTClient(context.Background(), c.clientOptions(c.http)...)
	if err != nil {
		return nil, Unanswered("connect to project "+project, err)
	}
	return c, nil
}

// newTransport authenticates all requests that pass through it. The token is fetched with the first of them.
func newTransport(creds Credentials, opts Options) (http.RoundTripper, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = 20 // a sync lists all zones of a pool at once
	if opts.Endpoint != "" {
		_, err := creds.parse()
		return base, err
	}
	found, err := creds.detect()
	if err != nil {
		return nil, err
	}
	client, err := httptransport.NewClient(&httptransport.Options{
		Credentials: found, BaseRoundTripper: base, DisableTelemetry: true,
	})
	if err != nil {
		return nil, err
	}
	return client.Transport, nil
}

func (c *Client) clientOptions(h *http.Client) []option.ClientOption {
	return []option.ClientOption{option.WithHTTPClient(h), option.WithEndpoint(c.endpoint)}
}

// Insert is as Cloud says.
func (c *Client) Insert(ctx context.Context, spec InstanceSpec, requestID string) (Operation, error) {
	call := fmt.Sprintf("insert %s in %s", spec.Name, spec.Zone)
	if err := errors.Join(spec.Validate(), ValidateRequestID(requestID)); err != nil {
		return Operation{}, Refused(call, err)
	}
	op, err := c.instances.Insert(ctx, &computepb.InsertInstanceRequest{
		Project: c.project, Zone: spec.Zone, RequestId: &requestID, InstanceResource: instanceBody(c.project, spec),
	})
	if err != nil {
		return Operation{}, failure(ctx, call, err)
	}
	return operationFrom(op.Proto()), nil
}

// Delete is as Cloud says.
func (c *Client) Delete(ctx context.Context, zone, name, requestID string) (Operation, error) {
	call := fmt.Sprintf("delete %s in %s", name, zone)
	if err := errors.Join(ValidateZone(zone), ValidateName(name), ValidateRequestID(requestID)); err != nil {
		return Operation{}, Refused(call, err)
	}
	op, err := c.instances.Delete(ctx, &computepb.DeleteInstanceRequest{
		Project: c.project, Zone: zone, Instance: name, RequestId: &requestID,
	})
	if err != nil {
		return Operation{}, failure(ctx, call, err)
	}
	return operationFrom(op.Proto()), nil
}
