package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// image is a checkpoint as an OCI image: the archive is its only layer.
type image struct{ content v1.Image }

func newImage(archive string, annotations map[string]string) (image, error) {
	content, err := os.ReadFile(archive)
	if err != nil {
		return image{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	made, err := mutate.AppendLayers(base, static.NewLayer(content, types.OCIUncompressedLayer))
	if err != nil {
		return image{}, fmt.Errorf("make an image of the checkpoint: %w", err)
	}
	annotated, ok := mutate.Annotations(made, annotations).(v1.Image)
	if !ok {
		return image{}, fmt.Errorf("make an image of the checkpoint: annotations made it another kind")
	}
	return image{annotated}, nil
}

func (i image) push(ctx context.Context, target name.Reference, auth authn.Authenticator) error {
	if err := remote.Write(target, i.content, remote.WithContext(ctx), remote.WithAuth(auth)); err != nil {
		return fmt.Errorf("push %s: %w", target, err)
	}
	return nil
}

// annotationsOf tell the runtimes that an image is a checkpoint. CRI-O reads those of its own domain; containerd reads CRIU's.
func annotationsOf(pod *corev1.Pod, container string) map[string]string {
	const crio = "io.kubernetes.cri-o.annotations.checkpoint."
	annotations := map[string]string{
		crio + "name": container, crio + "pod.name": pod.Name, crio + "pod.namespace": pod.Namespace, crio + "pod.uid": string(pod.UID),
		"org.criu.checkpoint.container.name": container,
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == container {
			annotations[crio+"rootfsImageName"] = c.Image
		}
	}
	return annotations
}

// target is where an image goes: into the mirror, if there is one, else where its registry is.
func (a *agent) target(registry, image string) (name.Reference, error) {
	if a.mirror == "" {
		return name.ParseReference(registry + "/" + image)
	}
	return name.ParseReference(a.mirror+"/"+image, name.Insecure)
}

// What the real agent takes if the backup names no Secret.
const (
	defaultSecret          = "registry-credentials"
	defaultSecretNamespace = "stateful-migration"
)

// credentials are those of the backup's Secret. With a mirror, a Secret that is missing does not matter.
func (a *agent) credentials(ctx context.Context, b backup) (authn.Authenticator, error) {
	ref := secretRef{Name: defaultSecret, Namespace: defaultSecretNamespace}
	if b.Spec.Registry != nil && b.Spec.Registry.SecretRef.Name != "" {
		ref = b.Spec.Registry.SecretRef
	}
	if ref.Namespace == "" {
		ref.Namespace = b.Namespace
	}
	secret, err := a.client.CoreV1().Secrets(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil && a.mirror != "" {
		return authn.Anonymous, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the registry's credentials: %w", err)
	}
	return &authn.Basic{Username: string(secret.Data["username"]), Password: string(secret.Data["password"])}, nil
}

func readFile(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the ServiceAccount's token: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
