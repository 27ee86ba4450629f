package composite

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

// Options tune the driver. The zero value behaves like Metacontroller with its default flags, but for a
// shorter discovery interval and an unthrottled client.
type Options struct {
	// HTTPClient calls the hooks; its Transport may route the names of Services. Default: http.DefaultClient.
	HTTPClient *http.Client
	// Logger is told what the driver does. Default: nobody.
	Logger *slog.Logger
	// Workers is the number of parents synced at the same time, per CompositeController. Default: 5.
	Workers int
	// DiscoveryInterval is how long an answer of the API server's discovery is used. Default: 1 s.
	DiscoveryInterval time.Duration

	// DuplicateSyncs is how many times each successful sync is repeated at once, to prove hooks idempotent.
	DuplicateSyncs int
	// StaleParents is the probability, 0 to 1, that a sync sees the parent as it was before its last update.
	StaleParents float64
}

// Driver hosts CompositeControllers.
type Driver struct {
	backend
	recording record.EventBroadcaster
	queue     workqueue.TypedRateLimitingInterface[string]
	running   map[string]*controller
	done      chan struct{}
}

// Start hosts every CompositeController of the cluster until ctx ends: each is started, started anew when
// its spec changes, and stopped when it is deleted. It returns at once. The CompositeController CRD
// (crd.yaml) should be installed before.
//
// A controller whose child resource is not served gets the Warning event CreateError and is tried again with
// back-off from 5 ms, doubling, to 1000 s. So does, without an event, one whose parent CRD is missing. One
// whose parent CRD has no status subresource gets the Warning event SyncError and is not tried again until
// it changes.
func Start(ctx context.Context, cfg *rest.Config, opts Options) (*Driver, error) {
	cfg = rest.CopyConfig(cfg)
	if cfg.QPS == 0 {
		cfg.QPS = -1
	}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("start composite driver: %w", err)
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("start composite driver: %w", err)
	}
	core, err := coreclient.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("start composite driver: %w", err)
	}
	recording := record.NewBroadcaster()
	recording.StartRecordingToSink(&coreclient.EventSinkImpl{Interface: core.Events(metav1.NamespaceAll)})
	opts = opts.withDefaults()
	d := newDriver(backend{
		client: client, opts: opts, catalog: newCatalog(discoverer, opts.DiscoveryInterval),
		events: recording.NewRecorder(runtime.NewScheme(), corev1.EventSource{Component: "metacontroller"}),
	})
	d.recording = recording
	go d.run(ctx)
	return d, nil
}

func (o Options) withDefaults() Options {
	if o.HTTPClient == nil {
		o.HTTPClient = http.DefaultClient
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Workers == 0 {
		o.Workers = 5
	}
	if o.DiscoveryInterval == 0 {
		o.DiscoveryInterval = time.Second
	}
	return o
}

func newDriver(b backend) *Driver {
	return &Driver{
		backend: b,
		queue:   workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
		running: map[string]*controller{},
		done:    make(chan struct{}),
	}
}

// Wait returns when, after the end of the context, no hook call and no watch is left.
func (d *Driver) Wait() { <-d.done }

func (d *Driver) run(ctx context.Context) {
	defer close(d.done)
	factory := dynamicinformer.NewDynamicSharedInformerFactory(d.client, 0)
	informer := factory.ForResource(schema.GroupVersionResource{
		Group: "metacontroller.k8s.io", Version: "v1alpha1", Resource: "compositecontrollers",
	}).Informer()
	enqueue := func(obj any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj); err == nil {
			d.queue.Add(key)
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: enqueue, UpdateFunc: func(_, obj any) { enqueue(obj) }, DeleteFunc: enqueue}
	if _, err := informer.AddEventHandler(handler); err != nil {
		d.opts.Logger.Error("cannot watch CompositeControllers", "error", err)
		return
	}
	factory.Start(ctx.Done())
	context.AfterFunc(ctx, d.queue.ShutDown)
	for d.next(ctx, informer.GetIndexer()) {
	}
	for _, c := range d.running {
		c.stop()
	}
	factory.Shutdown()
	if d.recording != nil {
		d.recording.Shutdown()
	}
}

func (d *Driver) next(ctx context.Context, known cache.Indexer) bool {
	name, shutdown := d.queue.Get()
	if shutdown {
		return false
	}
	defer d.queue.Done(name)
	obj, exists, err := known.GetByKey(name)
	if err == nil && !exists {
		d.remove(name)
	}
	if err == nil && exists {
		err = d.reconcile(ctx, obj.(*unstructured.Unstructured))
	}
	if err != nil {
		d.opts.Logger.Warn("cannot host CompositeController", "controller", name, "error", err)
		d.queue.AddRateLimited(name)
		return true
	}
	d.queue.Forget(name)
	return true
}

// remove stops the controller. Parents keep its finalizer, as under Metacontroller.
func (d *Driver) remove(name string) {
	if c, ok := d.running[name]; ok {
		c.stop()
		delete(d.running, name)
		d.opts.Logger.Info("stopped CompositeController", "controller", name)
	}
}

// reconcile runs the CompositeController as its spec says now.
func (d *Driver) reconcile(ctx context.Context, obj *unstructured.Unstructured) error {
	cc, err := decodeController(obj)
	if err != nil {
		return d.createError(obj, err)
	}
	hasStatus, err := d.parentHasStatus(ctx, cc)
	if err != nil {
		return err
	}
	if !hasStatus {
		d.events.Eventf(obj, corev1.EventTypeWarning, "SyncError", "[%s] Sync error - ignoring, CRD [%s] does not have subresource 'Status' enabled",
			cc.Name, cc.Spec.ParentResource.Resource)
		return nil
	}
	if c, ok := d.running[cc.Name]; ok && apiequality.Semantic.DeepEqual(c.cc.Spec, cc.Spec) {
		return nil
	}
	d.remove(cc.Name)
	c, err := newController(d.backend, cc)
	if err != nil {
		return d.createError(obj, err)
	}
	if err := c.start(ctx); err != nil {
		return d.createError(obj, err)
	}
	d.running[cc.Name] = c
	d.opts.Logger.Info("started CompositeController", "controller", cc.Name)
	d.events.Eventf(obj, corev1.EventTypeNormal, "Started", "Started controller: %s", cc.Name)
	return nil
}

func (d *Driver) createError(obj *unstructured.Unstructured, err error) error {
	d.events.Eventf(obj, corev1.EventTypeWarning, "CreateError", "Cannot create new controller: %s", err)
	return err
}

// parentHasStatus looks at the CRD of the parent, which must be a custom resource.
func (d *Driver) parentHasStatus(ctx context.Context, cc *compositeController) (bool, error) {
	rule := cc.Spec.ParentResource
	gv, err := schema.ParseGroupVersion(rule.APIVersion)
	if err != nil {
		return false, fmt.Errorf("parentResource of CompositeController %s: %w", cc.Name, err)
	}
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	crd, err := d.client.Resource(crds).Get(ctx, rule.Resource+"."+gv.Group, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("parent CRD of CompositeController %s: %w", cc.Name, err)
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, version := range versions {
		v, _ := version.(map[string]any)
		if _, has, _ := unstructured.NestedMap(v, "subresources", "status"); has && v["name"] == gv.Version {
			return true, nil
		}
	}
	return false, err
}
