package composite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

// flushInterval is the period at which all parents are synced again, whatever happened.
const flushInterval = 30 * time.Minute

// backend is what controllers share: the API server, by every way they use it, and the options.
type backend struct {
	client  dynamic.Interface
	catalog *catalog
	events  record.EventRecorder
	opts    Options
}

// controller runs one CompositeController as it was when it started. Informers are cluster-wide and of full
// objects; they and all that is remembered about parents end with stop.
type controller struct {
	backend
	cc  *compositeController
	log *slog.Logger

	parent    resource
	children  []resource
	methods   map[schema.GroupKind]string
	selector  labels.Selector // of parents
	finalizer string

	syncHook, finalizeHook *webhook
	related                *relations

	factory dynamicinformer.DynamicSharedInformerFactory
	queue   workqueue.TypedRateLimitingInterface[string]
	stale   staleParents
	workers sync.WaitGroup
	cancel  context.CancelFunc
}

// newController resolves all that the CompositeController names. It fails if the parent or a child resource
// is not served, and starts nothing.
func newController(b backend, cc *compositeController) (*controller, error) {
	c := &controller{
		backend: b, cc: cc, log: b.opts.Logger.With("controller", cc.Name),
		selector:  labels.Everything(),
		finalizer: "metacontroller.io/compositecontroller-" + cc.Name,
		stale:     staleParents{probability: b.opts.StaleParents},
	}
	if err := c.resolveResources(); err != nil {
		return nil, err
	}
	if err := c.resolveHooks(); err != nil {
		return nil, err
	}
	c.factory = dynamicinformer.NewDynamicSharedInformerFactory(b.client, flushInterval)
	c.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	return c, nil
}

func (c *controller) resolveResources() (err error) {
	spec := c.cc.Spec
	if c.parent, err = c.catalog.resource(spec.ParentResource.APIVersion, spec.ParentResource.Resource); err != nil {
		return fmt.Errorf("parent resource: %w", err)
	}
	if spec.ParentResource.LabelSelector != nil {
		if c.selector, err = metav1.LabelSelectorAsSelector(spec.ParentResource.LabelSelector); err != nil {
			return fmt.Errorf("parentResource.labelSelector: %w", err)
		}
	}
	for _, rule := range spec.ChildResources {
		child, err := c.catalog.resource(rule.APIVersion, rule.Resource)
		if err != nil {
			return fmt.Errorf("can't create informer for child resource: %w", err)
		}
		c.children = append(c.children, child)
	}
	c.methods = spec.methods(c.children)
	return nil
}

func (c *controller) resolveHooks() error {
	var errs [3]error
	var customize *webhook
	hooks, client := c.cc.Spec.Hooks, c.opts.HTTPClient
	c.syncHook, errs[0] = newWebhook("sync", hooks.Sync, client)
	c.finalizeHook, errs[1] = newWebhook("finalize", hooks.Finalize, client)
	customize, errs[2] = newWebhook("customize", hooks.Customize, client)
	c.related = newRelations(c, customize)
	return errors.Join(errs[:]...)
}

// start returns at once; syncs begin when all caches are filled.
func (c *controller) start(ctx context.Context) error {
	ctx, c.cancel = context.WithCancel(ctx)
	c.related.ctx = ctx
	if err := c.watch(); err != nil {
		c.stop()
		return err
	}
	c.factory.Start(ctx.Done())
	c.workers.Go(func() {
		for _, synced := range c.factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return
			}
		}
		for range c.opts.Workers {
			c.workers.Go(func() {
				for c.next(ctx) {
				}
			})
		}
	})
	return nil
}

// stop returns when no hook call and no watch of this controller is left.
func (c *controller) stop() {
	c.cancel()
	c.queue.ShutDown()
	c.workers.Wait()
	c.factory.Shutdown()
}

func (c *controller) next(ctx context.Context) bool {
	key, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(key)
	var err error
	for range 1 + c.opts.DuplicateSyncs {
		if err = c.sync(ctx, key); err != nil {
			break
		}
	}
	var later *tooManyRequestsError
	switch {
	case err == nil:
		c.queue.Forget(key)
	case errors.As(err, &later):
		c.queue.AddAfter(key, later.after)
	default:
		c.queue.AddRateLimited(key)
	}
	return true
}

// sync syncs the parent in the cache. A parent that is gone is a success without a hook call. Every failure
// but an answer 429 and a related cache that is still being filled is reported as an event on the parent.
func (c *controller) sync(ctx context.Context, key string) error {
	obj, exists, err := c.cached(c.parent).GetIndexer().GetByKey(key)
	if err != nil || !exists {
		return err
	}
	parent := c.stale.pick(obj.(*unstructured.Unstructured))
	if parent != obj {
		defer c.queue.Add(key)
	}
	err = c.syncParent(ctx, parent)
	var later *tooManyRequestsError
	if err == nil || errors.As(err, &later) || errors.Is(err, errRelatedNotSynced) || ctx.Err() != nil {
		return err
	}
	c.log.Warn("sync failed", "parent", key, "error", err)
	c.events.Eventf(parent, corev1.EventTypeWarning, "SyncError", "Sync error: %s", err)
	return err
}

func (c *controller) cached(r resource) cache.SharedIndexInformer {
	return c.factory.ForResource(r.gvr).Informer()
}

// listCached lists from the cache; an empty namespace means all.
func (c *controller) listCached(r resource, namespace string, selector labels.Selector) ([]*unstructured.Unstructured, error) {
	var list []*unstructured.Unstructured
	err := cache.ListAllByNamespace(c.cached(r).GetIndexer(), namespace, selector, func(obj any) {
		list = append(list, obj.(*unstructured.Unstructured))
	})
	return list, err
}
