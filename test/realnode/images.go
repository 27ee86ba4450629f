package realnode

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// newRegistry is the registry that every VM pulls from, whatever registry an image names.
func newRegistry(dir string) http.Handler {
	return registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(dir)), registry.Logger(log.New(io.Discard, "", 0)),
	)
}

// Registry answers as the VMs' registry does.
func (h *Host) Registry() http.Handler { return h.registry }

// PausePod is the image that holds a pod's namespaces.
const PausePod = "docker.io/lab/pause:v1"

// Image is a container image to be made.
type Image struct {
	Name       string
	Layer      string            // a tar file, below what Files are
	Files      map[string][]byte // executable, by path
	Entrypoint []string
	Env        []string // besides PATH
}

// Push makes an image and puts it into the registry at address, host:port. What its name says of a registry is left out: the VMs
// ask this one, whatever the name.
func (i Image) Push(address string) error {
	var layers []v1.Layer
	if i.Layer != "" {
		layer, err := tarball.LayerFromFile(i.Layer, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return fmt.Errorf("make the image %s: %w", i.Name, err)
		}
		layers = append(layers, layer)
	}
	if len(i.Files) > 0 {
		content, err := tarOf(i.Files)
		if err != nil {
			return fmt.Errorf("make the image %s: %w", i.Name, err)
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content)), nil
		}, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return fmt.Errorf("make the image %s: %w", i.Name, err)
		}
		layers = append(layers, layer)
	}
	image, err := mutate.AppendLayers(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1), layers...)
	if err != nil {
		return fmt.Errorf("make the image %s: %w", i.Name, err)
	}
	image, err = mutate.ConfigFile(image, i.configOf(image))
	if err != nil {
		return fmt.Errorf("make the image %s: %w", i.Name, err)
	}
	return push(address, i.Name, image)
}

func (i Image) configOf(image v1.Image) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		config = &v1.ConfigFile{} // an image that was made here has one
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", architecture
	config.Config.Entrypoint, config.Config.Env = i.Entrypoint, append([]string{"PATH=/usr/bin:/bin"}, i.Env...)
	return config
}

func push(address, image string, content v1.Image) error {
	target, err := InRegistry(address, image)
	if err != nil {
		return err
	}
	if err := remote.Write(target, content); err != nil {
		return fmt.Errorf("push the image %s: %w", image, err)
	}
	return nil
}

// InRegistry is where an image is in the registry at address.
func InRegistry(address, image string) (name.Reference, error) {
	parsed, err := name.ParseReference(image)
	if err != nil {
		return nil, fmt.Errorf("read the image name %s: %w", image, err)
	}
	separator := ":"
	if strings.Contains(parsed.Identifier(), ":") { // a digest
		separator = "@"
	}
	return name.ParseReference(address+"/"+parsed.Context().RepositoryStr()+separator+parsed.Identifier(), name.Insecure)
}

// tarOf is an archive of executable files, with the folders that they are in.
func tarOf(files map[string][]byte) ([]byte, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for path, data := range files {
		header := &tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Size: int64(len(data)), Format: tar.FormatPAX}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	return content.Bytes(), w.Close()
}

// Program is the image of a static program of Files.Static, which is its only file.
func (f Files) Program(image, program string) (Image, error) {
	content, err := os.ReadFile(filepath.Join(f.Static, program))
	if err != nil {
		return Image{}, fmt.Errorf("make the image %s: %w", image, err)
	}
	return Image{Name: image, Files: map[string][]byte{"/" + program: content}, Entrypoint: []string{"/" + program}}, nil
}
