package composite

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// errNotServed is the answer of discovery for a resource whose CRD is not installed.
var errNotServed = errors.New("the API server does not serve it; is its CRD installed?")

// resource is what discovery says about one kind of one API version.
type resource struct {
	gvk        schema.GroupVersionKind
	gvr        schema.GroupVersionResource
	namespaced bool
}

// on returns the client for objects of this resource in the namespace, which is ignored for
// cluster-scoped resources and means all namespaces when empty.
func (r resource) on(client dynamic.Interface, namespace string) dynamic.ResourceInterface {
	all := client.Resource(r.gvr)
	if !r.namespaced || namespace == "" {
		return all
	}
	return all.Namespace(namespace)
}

// catalog answers lookups from discovery, each API version read again once its answer is older than ttl.
// So a CRD that is installed or removed is noticed after at most ttl.
type catalog struct {
	server discovery.ServerResourcesInterface
	ttl    time.Duration

	mu       sync.Mutex
	versions map[string]catalogPage
}

type catalogPage struct {
	read      time.Time
	resources []metav1.APIResource
}

func newCatalog(server discovery.ServerResourcesInterface, ttl time.Duration) *catalog {
	return &catalog{server: server, ttl: ttl, versions: map[string]catalogPage{}}
}

// resource finds a resource by its lower-case plural.
func (c *catalog) resource(apiVersion, plural string) (resource, error) {
	found, err := c.find(apiVersion, func(r metav1.APIResource) bool { return r.Name == plural })
	if err != nil {
		return resource{}, fmt.Errorf("discovery: can't find resource %s in apiVersion %s: %w", plural, apiVersion, err)
	}
	return found, nil
}

// kind finds a resource by the kind of its objects.
func (c *catalog) kind(apiVersion, kind string) (resource, error) {
	found, err := c.find(apiVersion, func(r metav1.APIResource) bool { return r.Kind == kind && !isSubresource(r) })
	if err != nil {
		return resource{}, fmt.Errorf("discovery: can't find kind %s in apiVersion %s: %w", kind, apiVersion, err)
	}
	return found, nil
}

func (c *catalog) find(apiVersion string, wanted func(metav1.APIResource) bool) (resource, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return resource{}, err
	}
	page, err := c.page(apiVersion)
	if err != nil {
		return resource{}, err
	}
	for _, r := range page.resources {
		if wanted(r) {
			return resource{gvk: gv.WithKind(r.Kind), gvr: gv.WithResource(r.Name), namespaced: r.Namespaced}, nil
		}
	}
	return resource{}, errNotServed
}

// page returns the resources of one API version; one that is not served is an empty page.
func (c *catalog) page(apiVersion string) (catalogPage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if page, ok := c.versions[apiVersion]; ok && time.Since(page.read) < c.ttl {
		return page, nil
	}
	page := catalogPage{read: time.Now()}
	list, err := c.server.ServerResourcesForGroupVersion(apiVersion)
	if err != nil && !apierrors.IsNotFound(err) {
		return catalogPage{}, err
	}
	if err == nil {
		page.resources = list.APIResources
	}
	c.versions[apiVersion] = page
	return page, nil
}

func isSubresource(r metav1.APIResource) bool { return strings.Contains(r.Name, "/") }
