package realnode

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/checkpoint-restore/go-criu/v7/stats"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// What containerd and CRI-O know an image of a checkpoint by. The real agent sets the latter alone.
const (
	containerdAnnotation = "org.criu.checkpoint.container.name"
	crioAnnotation       = "io.kubernetes.cri-o.annotations.checkpoint.name"
)

// Trained is how much training is in an image of the registry at address: zero in one that is no checkpoint, and in a checkpoint of a
// container whose program had not begun. It reads the file that the training program writes into the container's own layer, which is part
// of a checkpoint.
func Trained(address, image string) (time.Duration, error) {
	layer, err := checkpointIn(address, image)
	if err != nil || layer == nil {
		return 0, err
	}
	trained, err := progressIn(layer)
	if err != nil {
		return 0, fmt.Errorf("read the checkpoint %s: %w", image, err)
	}
	return trained, nil
}

// Frozen is how long a container stood still while CRIU dumped it for the checkpoint in an image of the registry at address: from the
// first of its processes that was stopped until they ran on. CRIU writes that down in the checkpoint itself.
func Frozen(address, image string) (time.Duration, error) {
	layer, err := checkpointIn(address, image)
	if err != nil {
		return 0, err
	}
	if layer == nil {
		return 0, fmt.Errorf("image %s is no checkpoint", image)
	}
	dir, err := os.MkdirTemp("", "criu-stats-")
	if err != nil {
		return 0, fmt.Errorf("read CRIU's statistics: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := extract(layer, stats.StatsDump, dir); err != nil {
		return 0, fmt.Errorf("read the checkpoint %s: %w", image, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return 0, fmt.Errorf("read CRIU's statistics: %w", err)
	}
	defer func() { _ = folder.Close() }()
	dump, err := stats.CriuGetDumpStats(folder)
	if err != nil {
		return 0, fmt.Errorf("read CRIU's statistics of %s: %w", image, err)
	}
	return time.Duration(dump.GetFreezingTime()+dump.GetFrozenTime()) * time.Microsecond, nil
}

// extract copies a file of a checkpoint's archive into a folder.
func extract(layer v1.Layer, name, dir string) error {
	archive, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	file, err := fileIn(archive, name)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), content, 0o600)
}

// checkpointIn is the archive of the checkpoint in an image; nil if the image is no checkpoint.
func checkpointIn(address, image string) (v1.Layer, error) {
	target, err := InRegistry(address, image)
	if err != nil {
		return nil, err
	}
	content, err := remote.Image(target)
	if err != nil {
		return nil, fmt.Errorf("pull %s: %w", image, err)
	}
	manifest, err := content.Manifest()
	if err != nil {
		return nil, fmt.Errorf("read the manifest of %s: %w", image, err)
	}
	if manifest.Annotations[containerdAnnotation] == "" && manifest.Annotations[crioAnnotation] == "" {
		return nil, nil
	}
	layers, err := content.Layers()
	if err != nil || len(layers) != 1 {
		return nil, fmt.Errorf("image %s is no checkpoint: it has %d layers: %w", image, len(layers), err)
	}
	return layers[0], nil
}

// progressIn looks for the file in the archive of what the container changed, which is in the checkpoint's archive.
func progressIn(layer v1.Layer) (time.Duration, error) {
	archive, err := layer.Uncompressed()
	if err != nil {
		return 0, err
	}
	defer func() { _ = archive.Close() }()
	changes, err := fileIn(archive, "rootfs-diff.tar")
	if err != nil {
		return 0, err
	}
	if changes, err = unpacked(changes); err != nil {
		return 0, err
	}
	file, err := fileIn(changes, "tmp/progress")
	if errors.Is(err, errNoFile) {
		return 0, nil // Python needs seconds to start on a busy machine
	}
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(file)
	if err != nil || len(text) == 0 {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	seconds, err := strconv.ParseFloat(first, 64)
	return time.Duration(seconds * float64(time.Second)), err
}

// unpacked is what an archive holds: containerd compresses it, and CRI-O does not.
func unpacked(archive io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(archive)
	if magic, err := buffered.Peek(2); err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, err
	}
	return gzip.NewReader(buffered)
}

var errNoFile = errors.New("the archive lacks the file")

// fileIn is a file of an archive.
func fileIn(archive io.Reader, name string) (io.Reader, error) {
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w %s", errNoFile, name)
		}
		if err != nil {
			return nil, err
		}
		if path.Clean(header.Name) == name {
			return reader, nil
		}
	}
}
